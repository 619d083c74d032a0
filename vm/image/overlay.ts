import { stat } from "node:fs/promises";
import { execa } from "execa";
import { findProgram } from "../programs.ts";
import { sentenceOf, VmError } from "../vm-error.ts";

/** An image by its path and format. */
export interface BackingImage {
  readonly path: string;
  readonly format: "qcow2" | "raw";
}

/** Makes a disk that begins as `image` and takes all writes, where there is none yet, or where it is of another image. */
export async function makeOverlay(path: string, image: BackingImage): Promise<void> {
  const program = await findProgram("qemu-img");
  if ((await isThere(path)) && (await backingOf(program, path)) === image.path) return;
  const args = ["create", "-q", "-f", "qcow2", "-b", image.path, "-F", image.format, path];
  const made = await execa(program, args, { reject: false });
  if (made.failed) {
    throw new VmError(
      "INVALID_HOST",
      `No disk could be made over the image ${image.path} (${sentenceOf(made.stderr)}).`,
    );
  }
}

async function backingOf(program: string, path: string): Promise<string | undefined> {
  const { stdout, failed } = await execa(program, ["info", "-U", "--output=json", "-f", "qcow2", path], {
    reject: false,
  });
  return failed ? undefined : (JSON.parse(stdout) as { "backing-filename"?: string })["backing-filename"];
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
