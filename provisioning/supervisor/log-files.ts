import { copyFile, readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { STATE_FILES } from "../state/layout.ts";

/** A log beyond this is moved to `NAME.log.1`, and what was there before goes. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Bounds every log of a state directory. The writers append, so the file under them can be cut: what they write
 * between copy and cut is lost, which a log may.
 */
export async function boundLogs(state: string): Promise<void> {
  const directory = join(state, STATE_FILES.logs);
  for (const name of await logNames(directory)) {
    const path = join(directory, name);
    const { size } = await stat(path);
    if (size <= MAX_BYTES) continue;
    await copyFile(path, `${path}.1`);
    await truncate(path);
  }
}

async function logNames(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => name.endsWith(".log"));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
