/** Reads with digests of headers and data, by the load generator for them. */
import { MAPPED_INITIATORS } from "../../helpers/mapped-disk.ts";
import { runProgram } from "../open-things.ts";
import { compiled } from "./compiled.ts";

export interface DigestRun {
  readonly depth: number;
  readonly seconds: number;
  /** Only so much of the disk, from its front. */
  readonly mib: number;
  readonly digests: boolean;
}

/** Random 4 KiB reads a second. */
export async function digestLoad(url: string, { depth, seconds, mib, digests }: DigestRun): Promise<number> {
  const { hostname, port, pathname } = new URL(url.replace("iscsi:", "http:"));
  const [, target = "", lun = ""] = pathname.split("/");
  const run = [mib, depth, seconds, digests ? 1 : 0].map(String);
  const args = [hostname, port, MAPPED_INITIATORS[0], target, lun, ...run];
  const { stdout } = await runProgram(await compiled("digest-load"), args);
  return Number(stdout);
}
