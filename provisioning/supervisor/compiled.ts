/**
 * Daemons find their code compiled. What takes the types off and compiles the rest stays in the memory of the process that
 * does it: an agent that had to was 25 MiB larger for as long as it lived. So the first start of a lab since the sources
 * have changed leaves that to a process which ends. In npm's package there are no types to take off.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { execa } from "execa";
import { errorCode } from "../errors.ts";
import { DAEMON_NODE_OPTIONS } from "./daemon.ts";

const COMPILE = join(import.meta.dirname, "compile.ts");
const PROJECT = dirname(dirname(import.meta.dirname));
const SOURCES = "{target,controller,provisioning,vm}/**/*.ts";

/** Does nothing where that was done, or no compiled code is kept. */
export async function compileDaemons(cache = process.env.NODE_COMPILE_CACHE): Promise<void> {
  if (cache === undefined || extname(import.meta.filename) !== ".ts") return;
  const mark = join(cache, `daemons-${await stateOfSources()}`);
  if (existsSync(mark)) return;
  try {
    await mkdir(cache, { recursive: true });
    await writeFile(mark, "");
  } catch (error) {
    // Nothing can be kept there: each daemon compiles for itself.
    if (["EACCES", "EPERM", "EROFS", "ENOSPC", "ENOTDIR", "ENOENT"].includes(errorCode(error))) return;
    throw error;
  }
  try {
    await execa(process.execPath, [...DAEMON_NODE_OPTIONS, COMPILE], { env: { NODE_COMPILE_CACHE: cache } });
  } catch (error) {
    await rm(mark, { force: true });
    throw error;
  }
}

/** Of this Node, and of every source file. */
async function stateOfSources(): Promise<string> {
  const hash = createHash("sha256").update(`${process.version} ${PROJECT}`);
  const exclude = (path: string) => path.includes("node_modules");
  const files: string[] = [];
  for await (const file of glob(SOURCES, { cwd: PROJECT, exclude })) files.push(file);
  for (const file of files.sort()) {
    const { size, mtimeMs } = await stat(join(PROJECT, file));
    hash.update(`\n${file} ${size} ${mtimeMs}`);
  }
  return hash.digest("hex").slice(0, 16);
}
