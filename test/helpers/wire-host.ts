/** A host over the wire, PDU by PDU: the status of its commands, and its persistent reservations. */
import type { ExecutionContext } from "ava";
import { Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { Bhs, ScsiResponsePdu } from "node-iscsi-target/iscsi/pdus.ts";
import { Read10, type ReserveOutCdb, TestUnitReady } from "node-iscsi-target/scsi/cdb.ts";
import { ReserveOutList } from "node-iscsi-target/scsi/reservations/layouts.ts";
import { Status } from "node-iscsi-target/scsi/transport.ts";
import { RawInitiator } from "./raw-initiator.ts";
import { cdbOf } from "./scsi-host.ts";

/** A host that is logged in and has taken its unit attention. */
export async function wireHost(t: ExecutionContext, url: string, name: string): Promise<RawInitiator> {
  const { hostname, port, pathname } = new URL(url.replace("iscsi:", "http:"));
  const initiator = await RawInitiator.connect(t, { host: hostname, port: Number(port) });
  const target = pathname.split("/")[1] as string;
  await initiator.login({ InitiatorName: `iqn.2026-11.example:${name}`, TargetName: target, SessionType: "Normal" });
  await status(initiator, cdbOf(TestUnitReady));
  return initiator;
}

/** The status of a command that reads nothing, with its data as immediate data. */
export async function status(initiator: RawInitiator, cdb: Buffer, data?: Buffer): Promise<number> {
  initiator.command([...cdb], data ? { writeBytes: data.length } : {}, data);
  return ScsiResponsePdu.status.get((await initiator.receive()).header, 0);
}

/** Of a READ of one block: GOOD comes with the data. */
export async function readStatus(initiator: RawInitiator): Promise<number> {
  initiator.command([...cdbOf(Read10, { blocks: 1 })], { readBytes: 512 });
  const { header } = await initiator.receive();
  return Bhs.opcode.get(header, 0) === Opcode.DATA_IN ? Status.GOOD : ScsiResponsePdu.status.get(header, 0);
}

export interface ReserveFields {
  readonly key?: bigint;
  readonly newKey?: bigint;
  readonly type?: number;
  readonly persistent?: boolean;
}

/** The status of a PERSISTENT RESERVE OUT. */
export function reserveOutStatus(
  initiator: RawInitiator,
  layout: ReserveOutCdb,
  { key = 0n, newKey = 0n, type = 0, persistent = false }: ReserveFields,
): Promise<number> {
  const list = ReserveOutList.encode({ key, newKey, persistent: persistent ? 1 : 0 });
  const cdb = cdbOf(layout, { listBytes: list.length });
  cdb[2] = type;
  return status(initiator, cdb, list);
}
