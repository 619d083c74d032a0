/** One path to a disk over a real connection, command by command, with all that the target says. */
import { Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { Bhs, ScsiResponsePdu } from "node-iscsi-target/iscsi/pdus.ts";
import { ReportTargetPortGroups, TestUnitReady, Write10 } from "node-iscsi-target/scsi/cdb.ts";
import { Status } from "node-iscsi-target/scsi/transport.ts";
import { RawInitiator } from "./raw-initiator.ts";
import { cdbOf } from "./scsi-host.ts";

interface Owner {
  teardown(end: () => void): void;
}

/** "GOOD", or a sense as KEY/ASC/ASCQ in hex. */
export type Outcome = string;

export class ScsiPath {
  readonly #initiator: RawInitiator;

  private constructor(initiator: RawInitiator) {
    this.#initiator = initiator;
  }

  static async open(owner: Owner, url: string, iqn: string): Promise<ScsiPath> {
    const { hostname, port, pathname } = new URL(url.replace("iscsi:", "http:"));
    const initiator = await RawInitiator.connect(owner, { host: hostname, port: Number(port) });
    const target = pathname.split("/")[1] as string;
    await initiator.login({ InitiatorName: iqn, TargetName: target, SessionType: "Normal" });
    const path = new ScsiPath(initiator);
    await path.ready();
    return path;
  }

  /** TEST UNIT READY until no unit attention is left; those there were. */
  async ready(): Promise<Outcome[]> {
    const seen: Outcome[] = [];
    for (;;) {
      this.#initiator.command([...cdbOf(TestUnitReady)]);
      const outcome = await this.outcome();
      if (!outcome.startsWith("06/")) return seen;
      seen.push(outcome);
    }
  }

  /** Sends a WRITE of one block, and waits for nothing. */
  sendWrite(lba: number, fill: number): void {
    this.#initiator.command([...cdbOf(Write10, { lba, blocks: 1 })], { writeBytes: 512 }, Buffer.alloc(512, fill));
  }

  async outcome(): Promise<Outcome> {
    const { header, data } = await this.#initiator.receive();
    if (Bhs.opcode.get(header, 0) !== Opcode.SCSI_RESPONSE) throw new Error("this is no answer to a command");
    const status = ScsiResponsePdu.status.get(header, 0);
    if (status !== Status.CHECK_CONDITION) return status === Status.GOOD ? "GOOD" : `status ${status}`;
    // Fixed format (SPC-4 4.5.3), behind the length of the sense data.
    return [(data[4] as number) & 0xf, data[14], data[15]].map((byte) => hex(byte as number)).join("/");
  }

  /** REPORT TARGET PORT GROUPS: the access state of each group. */
  async portGroups(): Promise<Map<number, number>> {
    const readBytes = 256;
    this.#initiator.command([...cdbOf(ReportTargetPortGroups, { allocationBytes: readBytes })], { readBytes });
    const { data } = await this.#initiator.receive();
    const groups = new Map<number, number>();
    for (let at = 4; at < data.length; at += 8 + 4 * (data[at + 7] as number))
      groups.set(data.readUInt16BE(at + 2), (data[at] as number) & 0xf);
    return groups;
  }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
