/** EXTENDED COPY between disks of a lab: what is not mapped is not copied, and what was mapped there is given back, by table. */
import test from "ava";
import { Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { Bhs, ScsiResponsePdu } from "node-iscsi-target/iscsi/pdus.ts";
import { BlockSegment, CopyHeader, CscdDescriptor } from "node-iscsi-target/scsi/copy/layouts.ts";
import { external, labOf, testLab } from "../helpers/lab.ts";
import { openDisk } from "../helpers/qemu-io.ts";
import { RawInitiator } from "../helpers/raw-initiator.ts";

const MIB = 1024 * 1024;
const BLOCKS_A_MIB = MIB / 512;
const HOST = "iqn.2026-11.example:outside";
const DISKS = ["data", "other"];

test("segments of zeros are copied as such between disks: nothing is allocated for them, and what was there is given back", async (t) => {
  t.timeout(180_000);
  const lab = await testLab(t);
  const host = { ...external("outside"), disks: DISKS };
  const file = labOf({ agents: ["a", "b"], diskSize: "64MiB", hosts: { outside: host } }) as {
    disks: Record<string, object>;
    zones: Record<string, object>;
  };
  file.disks.other = { pool: "main", size: "64MiB" };
  file.zones.all = { ...file.zones.all, disks: DISKS };
  await lab.up(file);
  const mapped = async () => Object.fromEntries((await lab.disks()).map((disk) => [disk.name, disk.mappedSegments]));

  const data = await openDisk(t, await lab.url("data", "b"), HOST);
  await data.write(3 * MIB, MIB, 0x5a);
  await data.write(5 * MIB + 4096, 4096, 0x66);
  t.deepEqual(await mapped(), { data: 2, other: 0 });

  const copy = await copier(lab, t);
  await copy(0, 8);
  const other = await openDisk(t, await lab.url("other", "b"), HOST);
  await other.expectPattern(3 * MIB, MIB, 0x5a);
  await other.expectPattern(5 * MIB + 4096, 4096, 0x66);
  await other.expectPattern(5 * MIB + 8192, MIB - 8192, 0);
  t.deepEqual(await mapped(), { data: 2, other: 2 });

  await copy(16, 8);
  await other.expectPattern(0, 8 * MIB, 0);
  t.deepEqual(await mapped(), { data: 2, other: 0 });
  t.is((await lab.run(["check"])).exitCode, 0);
});

/** Through agent a, copies segments of `data`, from the one given, to the beginning of `other`. */
async function copier(lab: Awaited<ReturnType<typeof testLab>>, t: { teardown(end: () => void): void }) {
  const rows = (await lab.paths()).filter(({ agent }) => agent === "a");
  const [from, to] = DISKS.map((name) => rows.find(({ disk }) => disk === name));
  if (!(from && to)) throw new Error("A disk has no path.");
  const at = from.portal.lastIndexOf(":");
  const portal = { host: from.portal.slice(0, at), port: Number(from.portal.slice(at + 1)) };
  const initiator = await RawInitiator.connect(t, portal);
  await initiator.login({ InitiatorName: HOST, TargetName: from.target });
  const units = [await unitOf(initiator, from.lun), await unitOf(initiator, to.lun)];
  return async (segment: number, count: number): Promise<void> => {
    const sourceLba = segment * BLOCKS_A_MIB;
    const range = { typeCode: 2, descriptorBytes: 24, source: 0, destination: 1 };
    const list = BlockSegment.encode({ ...range, blocks: count * BLOCKS_A_MIB, sourceLba, destinationLba: 0 });
    const cscds = Buffer.concat(units);
    const header = CopyHeader.encode({ listId: 1, cscdBytes: cscds.length, segmentBytes: list.length });
    const parameters = Buffer.concat([header, cscds, list]);
    const cdb = [0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, parameters.length, 0, 0];
    initiator.command(cdb, { writeBytes: parameters.length, lun: from.lun }, parameters);
    const { header: answer, data } = await initiator.receive();
    const status = ScsiResponsePdu.status.get(answer, 0);
    if (status !== 0) throw new Error(`EXTENDED COPY ended with ${status}: ${data.toString("hex")}`);
  };
}

/** Takes the unit attentions, and makes a CSCD descriptor of the unit's NAA designator (VPD page 83h, the first). */
async function unitOf(initiator: RawInitiator, lun: number): Promise<Buffer> {
  for (let attention = true; attention; ) {
    initiator.command([0], { lun });
    attention = ScsiResponsePdu.status.get((await initiator.receive()).header, 0) !== 0;
  }
  initiator.command([0x12, 1, 0x83, 0, 255, 0], { readBytes: 255, lun });
  const { header, data } = await initiator.receive();
  if (Bhs.opcode.get(header, 0) !== Opcode.DATA_IN) throw new Error("There is no page 83h.");
  const designatorBytes = data[7] as number;
  const designator = data.subarray(8, 8 + designatorBytes);
  return CscdDescriptor.encode({ typeCode: 0xe4, codeSet: 1, designatorType: 3, designatorBytes, designator });
}
