/** The load generator beside this file: compiled when it is first used, kept below node_modules. */
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { execa } from "execa";
import { MAPPED_INITIATORS } from "../../helpers/mapped-disk.ts";

const SOURCE = new URL("iscsi-load.c", import.meta.url).pathname;
const PROGRAM = new URL("../../../node_modules/.cache/sanlab-bench/iscsi-load", import.meta.url).pathname;

export interface LoadRun {
  readonly bytes?: number;
  readonly depth?: number;
  readonly seconds?: number;
  /** How many of a hundred I/Os write; the others read. */
  readonly writes?: number;
  readonly sessions?: number;
  /** Only so much of the disk, from its front. */
  readonly mib?: number;
  /** 1: digests of headers. */
  readonly digests?: 0 | 1;
}

export interface Load {
  /** I/Os a second, of all sessions together. */
  readonly perSecond: number;
  /** The slowest session's rate against the mean of all. */
  readonly slowest: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

export async function iscsiLoad(url: string, run: LoadRun): Promise<Load> {
  const options = Object.entries(run).map(([name, value]) => `${name}=${value}`);
  const { stdout } = await execa(await program(), [MAPPED_INITIATORS[0], url, ...options], { stdin: "ignore" });
  const told = JSON.parse(stdout) as Record<
    "reads" | "writes" | "seconds" | "slowestSession" | "p99Us" | "maxUs",
    number
  >;
  const done = told.reads + told.writes;
  const { p99Us, maxUs } = told;
  const slowest = told.slowestSession / (done / (run.sessions ?? 1));
  return { perSecond: done / told.seconds, slowest, p99Us, maxUs };
}

let compiled: Promise<string> | undefined;

function program(): Promise<string> {
  compiled ??= compile();
  return compiled;
}

async function compile(): Promise<string> {
  const [source, built] = await Promise.all([stat(SOURCE), stat(PROGRAM).catch(() => undefined)]);
  if (built !== undefined && built.mtimeMs > source.mtimeMs) return PROGRAM;
  await mkdir(dirname(PROGRAM), { recursive: true });
  await execa("gcc", ["-O2", "-Wall", "-Werror", "-o", PROGRAM, SOURCE, "-liscsi"]);
  return PROGRAM;
}
