/** The comparisons with tgt: what is done, and by how much we have to be faster. */

import { type Contender, SIZE_MIB } from "./contenders.ts";
import { iscsiPerf, qemuRate } from "./initiators.ts";
import { iscsiLoad } from "./load/iscsi-load.ts";
import { withPageCacheOf } from "./memory-limit.ts";
import { cpuSeconds } from "./process-cost.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** Not a multiple of any block or segment, so that I/Os wander over the disk. */
const STEP = 16 * MIB + 4 * KIB;

export interface Row {
  readonly name: string;
  /** tgt's figure and ours make a ratio that says how many times better we are; at least this. Undefined: for information. */
  readonly required: number | undefined;
  /** In the quick form too. */
  readonly quick?: true;
  readonly unit: string;
  /** Less is better. */
  readonly isCost?: true;
  readonly measure: (contender: Contender, seconds: number) => Promise<number>;
}

const read = (depth: number, required: number, bytes = 4 * KIB): Row => ({
  name: `${bytes / KIB} KiB random read, depth ${depth}`,
  required,
  unit: "I/O/s",
  measure: ({ url }, seconds) => iscsiPerf(url, { bytes, depth, seconds }),
});

const write = (depth: number, required: number, bytes = 4 * KIB): Row => ({
  name: `${bytes / KIB} KiB random write, depth ${depth}`,
  required,
  unit: "I/O/s",
  measure: async ({ url }, seconds) => (await iscsiLoad(url, { bytes, depth, seconds, writes: 100 })).perSecond,
});

/** QEMU's initiator needs more processor time for a write than either target does: what it says is said of it too. */
const qemuWrite = (depth: number, bytes = 4 * KIB): Row => ({
  name: `${bytes / KIB} KiB write, depth ${depth}, by qemu-img bench`,
  required: undefined,
  unit: "I/O/s",
  measure: ({ url }, seconds) =>
    qemuRate(url, { write: true, bytes, depth, step: bytes > 4 * KIB ? bytes * 17 : STEP }, seconds),
});

export const ROWS: readonly Row[] = [
  { ...read(1, 1.2), quick: true },
  read(4, 1.0),
  { ...read(32, 3.0), quick: true },
  read(128, 3.5),
  write(1, 1.2),
  { ...write(32, 2.5), quick: true },
  { ...read(8, 1.0, 256 * KIB), quick: true },
  write(8, 1.2, 256 * KIB),
  { name: "4 KiB, 70 % read, 30 % write, depth 32", required: 2.5, unit: "I/O/s", measure: mixed },
  qemuWrite(1),
  qemuWrite(32),
  qemuWrite(8, 256 * KIB),
  {
    name: "4 KiB random read, depth 32, page cache of a quarter of the disk",
    required: 1.0,
    unit: "I/O/s",
    measure: async (contender, seconds) => {
      const run = () => iscsiLoad(contender.url, { depth: 32, seconds });
      return (await withPageCacheOf((SIZE_MIB / 4) * MIB, contender, run)).perSecond;
    },
  },
  { name: "CPU for a million 4 KiB reads, depth 32", required: 1.0, unit: "s", isCost: true, measure: cpuOfReads },
];

async function mixed({ url }: Contender, seconds: number): Promise<number> {
  return (await iscsiLoad(url, { bytes: 4 * KIB, depth: 32, seconds, writes: 30 })).perSecond;
}

/** Seconds of the target's processor time. */
export async function cpuOfReads({ url, pid }: Contender, seconds: number): Promise<number> {
  const before = cpuSeconds(pid);
  const perSecond = await iscsiPerf(url, { bytes: 4 * KIB, depth: 32, seconds });
  return ((cpuSeconds(pid) - before) * 1_000_000) / (perSecond * seconds);
}
