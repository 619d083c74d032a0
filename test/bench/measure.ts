/** One measurement: I/Os a second of an initiator that is not ours. */
import { execa } from "execa";
import { MAPPED_INITIATORS } from "../helpers/mapped-disk.ts";

const IO_BYTES = 4096;
const BLOCK_BYTES = 512;
const MIB = 1024 * 1024;
const [INITIATOR] = MAPPED_INITIATORS;

export interface Row {
  readonly name: string;
  readonly depth: number;
  readonly measure: (url: string, depth: number, seconds: number) => Promise<number>;
}

export const ROWS: readonly Row[] = [
  ...[1, 4, 32, 128].map((depth) => ({ name: `4 KiB random read, depth ${depth}`, depth, measure: randomReads })),
  ...[1, 32].map((depth) => ({ name: `4 KiB write, depth ${depth}`, depth, measure: writes })),
];

/** libiscsi's iscsi-perf prints its average at the end of a line that it keeps overwriting. */
async function randomReads(url: string, depth: number, seconds: number): Promise<number> {
  const shape = ["-b", String(IO_BYTES / BLOCK_BYTES), "-m", String(depth), "-t", String(seconds), "-r"];
  const result = await execa("iscsi-perf", ["-i", INITIATOR, ...shape, url], { all: true, stdin: "ignore" });
  const averages = [...result.all.matchAll(/iops average (\d+)/g)];
  if (averages.length === 0) throw new Error(`iscsi-perf printed no rate:\n${result.all}`);
  return Number(averages.at(-1)?.[1]);
}

/**
 * iscsi-perf only reads, so writes come from QEMU's initiator: a run of known length tells how many
 * fill the time. The step walks through the disk so that neighbours are not written one after the other.
 */
async function writes(url: string, depth: number, seconds: number): Promise<number> {
  const step = 16 * MIB + IO_BYTES;
  const trial = 2_000;
  const perSecond = trial / (await writeRun(url, { count: trial, bytes: IO_BYTES, depth, step }));
  const count = Math.max(trial, Math.round(perSecond * seconds));
  return count / (await writeRun(url, { count, bytes: IO_BYTES, depth, step }));
}

/** Writes every block of the disk, so that reads find data, and a thin disk is mapped. */
export async function fill(url: string, sizeMiB: number): Promise<void> {
  await writeRun(url, { count: sizeMiB, bytes: MIB, depth: 4, step: MIB });
}

interface WriteRun {
  readonly count: number;
  readonly bytes: number;
  readonly depth: number;
  readonly step: number;
}

/** @returns the seconds it took */
async function writeRun(url: string, { count, bytes, depth, step }: WriteRun): Promise<number> {
  const shape = ["-c", String(count), "-s", String(bytes), "-d", String(depth), "-S", String(step)];
  const args = ["bench", "-w", "--pattern=165", "-t", "none", ...shape, "--image-opts", imageOptions(url)];
  const { stdout } = await execa("qemu-img", args, { stdin: "ignore" });
  const seconds = Number(/completed in ([\d.]+) seconds/.exec(stdout)?.[1]);
  if (!(seconds > 0)) throw new Error(`qemu-img bench printed no time:\n${stdout}`);
  return seconds;
}

function imageOptions(url: string): string {
  const { host, pathname } = new URL(url.replace("iscsi:", "http:"));
  const [, target, lun] = pathname.split("/");
  const file = { driver: "iscsi", transport: "tcp", portal: host, target, lun, "initiator-name": INITIATOR };
  return ["driver=raw", ...Object.entries(file).map(([key, value]) => `file.${key}=${value}`)].join(",");
}
