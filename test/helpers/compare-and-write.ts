/** Two hosts on two agents of one disk, and COMPARE AND WRITE of its first block. */
import type { ExecutionContext } from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { CoreLab, until } from "./core-lab.ts";
import { cdbOf, type ScsiHost, senseName } from "./scsi-host.ts";

const block = (fill: number) => Buffer.alloc(512, fill);
export const swap = (from: number, to: number, lba = 0) =>
  [cdbOf(cdbs.CompareAndWrite, { lba, blocks: 1 }), Buffer.concat([block(from), block(to)])] as const;
export const swaps = async (host: ScsiHost, from: number, to: number) => senseName(await host.send(...swap(from, to)));
export const startWrite = (host: ScsiHost, fill: number) => host.start(cdbOf(cdbs.Write10, { blocks: 1 }), block(fill));
export const writes = async (host: ScsiHost, fill: number) => senseName(await startWrite(host, fill).answer);
export const firstByte = async (host: ScsiHost) => (await host.send(cdbOf(cdbs.Read10, { blocks: 1 }))).dataIn?.[0];

/** Both have the first segment mapped. */
export async function pair(t: ExecutionContext): Promise<{ lab: CoreLab; a: ScsiHost; b: ScsiHost }> {
  const lab = await CoreLab.start(t);
  const [a, b] = [lab.agent("a").host("one"), lab.agent("b").host("two")];
  await a.attentions();
  await b.attentions();
  await writes(a, 1);
  await firstByte(b);
  return { lab, a, b };
}

/** A COMPARE AND WRITE through agent a that has compared, and whose write is not at the device yet. */
export async function compared(lab: CoreLab, a: ScsiHost, to: number) {
  const { device } = lab.agent("a");
  device.holding = true;
  const sent = a.start(...swap(1, to));
  await until(() => device.heldCount === 1);
  return { sent, device };
}
