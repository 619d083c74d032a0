import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { UserError } from "../user-error.ts";

/** More than the few blocks that a process which failed for want of space has just given back. */
const PROBE_BYTES = 256 * 1024;

/** Throws a sentence where the state directory's file system is full: a daemon that failed of it could not even log that. */
export async function assertSpace(state: string): Promise<void> {
  const path = join(state, `space-probe.${process.pid}`);
  try {
    await using file = await open(path, "w");
    await file.writeFile(Buffer.alloc(PROBE_BYTES, 1));
    await file.datasync();
  } catch (error) {
    if (!["ENOSPC", "EDQUOT"].includes(errorCode(error))) throw error;
    throw new UserError(
      "STATE_DIRECTORY",
      `No space is left on the file system of ${state}: free some and try again.`,
      {
        cause: error,
      },
    );
  } finally {
    await rm(path, { force: true });
  }
}
