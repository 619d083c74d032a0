/** The comparisons with tgt: what is done, and by how much we have to be faster. */

import type { Contender } from "./contenders.ts";
import { iscsiPerf, qemuBench, qemuRate } from "./initiators.ts";
import { cpuSeconds } from "./process-cost.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** Not a multiple of any block or segment, so that I/Os wander over the disk. */
const STEP = 16 * MIB + 4 * KIB;

export interface Row {
  readonly name: string;
  /** tgt's figure and ours make a ratio that says how many times better we are; at least this. */
  readonly required: number;
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
  name: `${bytes / KIB} KiB write, depth ${depth}`,
  required,
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
  { name: "CPU for a million 4 KiB reads, depth 32", required: 1.0, unit: "s", isCost: true, measure: cpuOfReads },
];

/** Two sessions, of QEMU's initiator: 70 % of the I/Os and of the depth are reads. */
async function mixed({ url }: Contender, seconds: number): Promise<number> {
  const together = async (count: number): Promise<number> => {
    const common = { bytes: 4 * KIB, step: STEP };
    const reads = qemuBench(url, { ...common, write: false, depth: 22, count: Math.round(count * 0.7) });
    const writes = qemuBench(url, { ...common, write: true, depth: 10, count: Math.round(count * 0.3) });
    return count / Math.max(...(await Promise.all([reads, writes])));
  };
  return together(Math.round((await together(4000)) * seconds));
}

async function cpuOfReads({ url, pid }: Contender, seconds: number): Promise<number> {
  const before = cpuSeconds(pid);
  const perSecond = await iscsiPerf(url, { bytes: 4 * KIB, depth: 32, seconds });
  return ((cpuSeconds(pid) - before) * 1_000_000) / (perSecond * seconds);
}
