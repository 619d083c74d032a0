/** Persistent reservations as a host sees and makes them. */
import type { CdbLayout } from "node-iscsi-target/scsi/cdb.ts";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import {
  FullStatusDescriptor,
  MoveList,
  ReservationData,
  ReservationsHeader,
  ReserveOutList,
} from "node-iscsi-target/scsi/reservations/layouts.ts";
import { decodeTransportId, encodeTransportId } from "node-iscsi-target/scsi/reservations/transport-id.ts";
import { cdbOf, type ScsiHost, senseName } from "./scsi-host.ts";

export interface OutFields {
  readonly key?: bigint;
  readonly newKey?: bigint;
  readonly type?: number;
  readonly persistent?: boolean;
  readonly allTargetPorts?: boolean;
  /** SPEC_I_PT, for these initiator ports. */
  readonly ports?: readonly string[];
}

/** "GOOD", "status 24" (RESERVATION CONFLICT), or the name of the condition. */
export async function reserveOut(host: ScsiHost, layout: CdbLayout, fields: OutFields = {}): Promise<string> {
  const { key = 0n, newKey = 0n, type = 0, persistent, allTargetPorts, ports } = fields;
  const list = ReserveOutList.encode({
    key,
    newKey,
    persistent: persistent ? 1 : 0,
    allTargetPorts: allTargetPorts ? 1 : 0,
    specifyPorts: ports ? 1 : 0,
  });
  return await sendList(host, layout, ports ? Buffer.concat([list, namedPorts(ports)]) : list, type);
}

export interface MoveFields {
  readonly key: bigint;
  readonly newKey: bigint;
  readonly to: string;
  readonly relativePortId: number;
  readonly unregister?: boolean;
}

export async function registerAndMove(host: ScsiHost, { to, unregister, ...fields }: MoveFields): Promise<string> {
  const id = encodeTransportId(to, 5);
  const list = MoveList.encode({ ...fields, unregister: unregister ? 1 : 0, transportIdBytes: id.length });
  return await sendList(host, cdbs.RegisterAndMove, Buffer.concat([list, id]), 0);
}

async function sendList(host: ScsiHost, layout: CdbLayout, list: Buffer, type: number): Promise<string> {
  const typed = layout as typeof cdbs.Reserve;
  const cdb = cdbOf(typed, { listBytes: list.length });
  cdb[2] = type;
  return senseName(await host.send(cdb, list));
}

function namedPorts(ports: readonly string[]): Buffer {
  const ids = Buffer.concat(ports.map((port) => encodeTransportId(port, 5)));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(ids.length);
  return Buffer.concat([length, ids]);
}

export async function readKeys(host: ScsiHost): Promise<{ generation: number; keys: bigint[] }> {
  const data = await reserveIn(host, cdbs.ReadKeys);
  const { generation, additionalBytes } = ReservationsHeader.decode(data);
  const keys: bigint[] = [];
  for (let at = 8; at < 8 + additionalBytes; at += 8) keys.push(data.readBigUInt64BE(at));
  return { generation, keys };
}

/** Key and type, or undefined where nobody has the unit. */
export async function readReservation(host: ScsiHost): Promise<{ key: bigint; type: number } | undefined> {
  const data = await reserveIn(host, cdbs.ReadReservation);
  if (ReservationsHeader.additionalBytes.get(data, 0) === 0) return undefined;
  const { key, type } = ReservationData.decode(data, 8);
  return { key, type };
}

export interface StatusRow {
  readonly port: string | undefined;
  readonly relativePortId: number;
  readonly key: bigint;
  /** 0 where it holds nothing. */
  readonly type: number;
}

export async function readFullStatus(host: ScsiHost): Promise<StatusRow[]> {
  const data = await reserveIn(host, cdbs.ReadFullStatus);
  const rows: StatusRow[] = [];
  for (let at = 8; at < data.length; ) {
    const { key, holder, type, relativePortId, additionalBytes } = FullStatusDescriptor.decode(data, at);
    const port = decodeTransportId(data, at + 24, 5)?.initiatorPort;
    rows.push({ port, relativePortId, key, type: holder ? type : 0 });
    at += 24 + additionalBytes;
  }
  return rows;
}

async function reserveIn(host: ScsiHost, layout: typeof cdbs.ReadKeys): Promise<Buffer> {
  const { status, dataIn } = await host.send(cdbOf(layout, { allocationBytes: 0xffff }));
  if (status !== 0 || dataIn === undefined) throw new Error(`${layout.name} ended with status ${status}.`);
  return Buffer.from(dataIn);
}
