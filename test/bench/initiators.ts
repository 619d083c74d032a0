/** Initiators that are not ours, and what they say of their speed. */
import { MAPPED_INITIATORS } from "../helpers/mapped-disk.ts";
import { runProgram } from "./open-things.ts";

const BLOCK_BYTES = 512;
const MIB = 1024 * 1024;
const [INITIATOR] = MAPPED_INITIATORS;

export interface PerfRun {
  readonly bytes: number;
  readonly depth: number;
  readonly seconds: number;
}

/** Random reads by libiscsi's iscsi-perf, a second. It prints its average at the end of a line that it keeps overwriting. */
export async function iscsiPerf(url: string, { bytes, depth, seconds }: PerfRun): Promise<number> {
  const shape = ["-b", String(bytes / BLOCK_BYTES), "-m", String(depth), "-t", String(seconds), "-r"];
  const result = await runProgram("iscsi-perf", ["-i", INITIATOR, ...shape, url]);
  const averages = [...result.all.matchAll(/iops average (\d+)/g)];
  if (averages.length === 0) throw new Error(`iscsi-perf printed no rate:\n${result.all}`);
  return Number(averages.at(-1)?.[1]);
}

export interface QemuRun {
  readonly write: boolean;
  readonly bytes: number;
  readonly depth: number;
  readonly count: number;
  /** From one I/O to the next: far, so that neighbours do not follow each other. */
  readonly step: number;
  /** Of the first, in bytes. */
  readonly offset?: number;
}

/** @returns the seconds that `qemu-img bench` took for `count` I/Os */
export async function qemuBench(url: string, run: QemuRun): Promise<number> {
  const { write, bytes, depth, count, step, offset = 0 } = run;
  const shape = [
    "-c",
    String(count),
    "-s",
    String(bytes),
    "-d",
    String(depth),
    "-S",
    String(step),
    "-o",
    String(offset),
  ];
  const direction = write ? ["-w", "--pattern=165"] : [];
  const args = ["bench", ...direction, "-t", "none", ...shape, "--image-opts", imageOptions(url)];
  const { stdout } = await runProgram("qemu-img", args);
  const seconds = Number(/completed in ([\d.]+) seconds/.exec(stdout)?.[1]);
  if (!(seconds > 0)) throw new Error(`qemu-img bench printed no time:\n${stdout}`);
  return seconds;
}

/** As many as fill the time, by the rate of a trial run; I/Os a second. */
export async function qemuRate(url: string, run: Omit<QemuRun, "count">, seconds: number): Promise<number> {
  const trial = run.bytes > 65_536 ? 500 : 2000;
  const perSecond = trial / (await qemuBench(url, { ...run, count: trial }));
  const count = Math.max(trial, Math.round(perSecond * seconds));
  return count / (await qemuBench(url, { ...run, count }));
}

/** Writes every block of the disk, so that reads find data, and a thin disk is mapped. */
export async function fill(url: string, sizeMiB: number, fromMiB = 0): Promise<void> {
  await qemuBench(url, { write: true, count: sizeMiB, bytes: MIB, depth: 4, step: MIB, offset: fromMiB * MIB });
}

/**
 * The same of several, of a multiple of 16 MiB, a stretch of each after the other, so that what the page cache has of them lies alike in memory:
 * of two that are filled one after the other, the second was read by up to 4 % quicker.
 */
export async function fillInTurns(urls: readonly string[], sizeMiB: number): Promise<void> {
  const stretchMiB = sizeMiB / 16;
  for (let at = 0; at < sizeMiB; at += stretchMiB) {
    for (const url of urls) await fill(url, stretchMiB, at);
  }
}

function imageOptions(url: string): string {
  const { host, pathname } = new URL(url.replace("iscsi:", "http:"));
  const [, target, lun] = pathname.split("/");
  const file = { driver: "iscsi", transport: "tcp", portal: host, target, lun, "initiator-name": INITIATOR };
  return ["driver=raw", ...Object.entries(file).map(([key, value]) => `file.${key}=${value}`)].join(",");
}
