/**
 * Daemons find their code compiled. What takes the types off and compiles the rest stays in the memory of the process that
 * does it: an agent that had to was 25 MiB larger for as long as it lived. So the first start of a lab since the sources
 * have changed leaves that to a process which ends. In npm's package there are no types to take off.
 */
import { createHash } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { access, glob, mkdir, stat, writeFile } from "node:fs/promises";
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
  if (!(await kept(() => mkdir(cache, { recursive: true })))) return;
  if (!(await kept(() => access(cache, constants.W_OK)))) return;
  await execa(process.execPath, [...DAEMON_NODE_OPTIONS, COMPILE], { env: { NODE_COMPILE_CACHE: cache } });
  // Not before: who is interrupted has not done it, and who starts a lab meanwhile does it too.
  await kept(() => writeFile(mark, ""));
}

/** False where nothing can be kept there: each daemon compiles for itself. */
async function kept(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (["EACCES", "EPERM", "EROFS", "ENOSPC", "ENOTDIR", "ENOENT"].includes(errorCode(error))) return false;
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
