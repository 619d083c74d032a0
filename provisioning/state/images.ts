import { stat } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { readJson, writeJson } from "./json-file.ts";
import { STATE_FILES, STATE_FORMAT } from "./layout.ts";

/** The image files that were created for a lab: `down --destroy` removes them, also when no controller can be asked. */
interface ImagesFile {
  readonly format: number;
  readonly paths: readonly string[];
}

export async function readImages(state: string): Promise<readonly string[]> {
  return (await readJson<ImagesFile>(join(state, STATE_FILES.images)))?.paths ?? [];
}

/** Of these paths, records and returns those where nothing is yet: what will be there was made by us. */
export async function recordAbsent(state: string, paths: readonly string[]): Promise<string[]> {
  const absent: string[] = [];
  for (const path of paths) if (!(await isThere(path))) absent.push(path);
  if (absent.length > 0) await write(state, [...new Set([...(await readImages(state)), ...absent])]);
  return absent;
}

export async function forgetImages(state: string, paths: readonly string[]): Promise<void> {
  const known = await readImages(state);
  const left = known.filter((path) => !paths.includes(path));
  if (left.length < known.length) await write(state, left);
}

async function write(state: string, paths: readonly string[]): Promise<void> {
  const file: ImagesFile = { format: STATE_FORMAT, paths };
  await writeJson(join(state, STATE_FILES.images), file);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}
