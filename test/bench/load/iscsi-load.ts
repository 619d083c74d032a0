/** The load generator over libiscsi. */
import { MAPPED_INITIATORS } from "../../helpers/mapped-disk.ts";
import { runProgram } from "../open-things.ts";
import { compiled } from "./compiled.ts";

export interface LoadRun {
  readonly bytes?: number;
  readonly depth?: number;
  readonly seconds?: number;
  /** How many of a hundred I/Os write; the others read. */
  readonly writes?: number;
  readonly sessions?: number;
  /** Only so much of the disk, from its front. */
  readonly mib?: number;
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
  const program = await compiled("iscsi-load", ["-liscsi"]);
  const { stdout } = await runProgram(program, [MAPPED_INITIATORS[0], url, ...options]);
  const told = JSON.parse(stdout) as Record<
    "reads" | "writes" | "seconds" | "slowestSession" | "p99Us" | "maxUs",
    number
  >;
  const done = told.reads + told.writes;
  const { p99Us, maxUs } = told;
  const slowest = told.slowestSession / (done / (run.sessions ?? 1));
  return { perSecond: done / told.seconds, slowest, p99Us, maxUs };
}
