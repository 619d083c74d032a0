import { open, readFile, rename, rm } from "node:fs/promises";
import { errorCode } from "../errors.ts";

/** The parsed contents; undefined where there is no such file. */
export async function readJson<Value>(path: string): Promise<Value | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Value;
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Replaces the file as a whole: after a crash at any instant it holds the old or the new contents. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const fresh = `${path}.${process.pid}.new`;
  try {
    await using file = await open(fresh, "w", 0o600);
    await file.writeFile(`${JSON.stringify(value, undefined, 2)}\n`);
    await file.sync();
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}
