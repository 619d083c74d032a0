/** QEMU's image tools: what an image holds, and its contents from one place to another. */
import { findProgram } from "@sanlab/vm/programs.ts";
import { execa } from "execa";
import { UserError } from "../user-error.ts";
import { type ImageFormat, imageFormat } from "./format.ts";

export interface ImageFacts {
  readonly path: string;
  readonly format: ImageFormat;
  /** Of the disk in it. */
  readonly sizeBytes: number;
}

/** One end of a copy: a file, or a disk as QEMU's initiator opens it. */
export type ImageEnd =
  | { readonly kind: "file"; readonly path: string; readonly format: ImageFormat }
  | {
      readonly kind: "disk";
      readonly portal: string;
      readonly target: string;
      readonly lun: number;
      readonly iqn: string;
      readonly chap?: { readonly user: string; readonly secretFile: string };
    };

interface QemuInfo {
  readonly "virtual-size": number;
  readonly "backing-filename"?: string;
  readonly "format-specific"?: { readonly data?: { readonly "data-file"?: string; readonly encrypt?: object } };
}

/** @throws UserError for what is no image, or is more than one file: another file named in it may be anybody's */
export async function imageFacts(path: string): Promise<ImageFacts> {
  const program = await findProgram("qemu-img");
  const format = await imageFormat(path);
  const result = await execa(program, ["info", "-U", "--output=json", "-f", format, path], { reject: false });
  if (result.failed)
    throw new UserError("REFUSED", `${path} is no image that QEMU reads (${lastLine(result.stderr)}).`);
  const info = JSON.parse(result.stdout) as QemuInfo;
  const specific = info["format-specific"]?.data;
  const other = info["backing-filename"] ?? specific?.["data-file"];
  if (other !== undefined) {
    throw new UserError(
      "REFUSED",
      `The image ${path} needs another file, ${other}: make one of it all with 'qemu-img convert -O qcow2', and take that.`,
    );
  }
  if (specific?.encrypt !== undefined)
    throw new UserError("REFUSED", `The image ${path} is encrypted: decrypt it first.`);
  return { path, format, sizeBytes: info["virtual-size"] };
}

export interface CopyOptions {
  /** The target reads as zeros, so zeros need not be written. */
  readonly targetIsZero?: boolean;
  readonly signal?: AbortSignal;
  /** Percent. */
  readonly onProgress?: (percent: number) => void;
}

/** Copies contents; a target that is a file is made, a disk is there. @throws UserError in QEMU's words */
export async function copyImage(source: ImageEnd, target: ImageEnd, options: CopyOptions = {}): Promise<void> {
  const program = await findProgram("qemu-img");
  const toFile = target.kind === "file" ? ["-O", target.format] : undefined;
  const toDisk = ["-n", ...(options.targetIsZero === true ? ["--target-is-zero"] : []), "--target-image-opts"];
  const ends = [optionsOf(source, 0), target.kind === "file" ? target.path : optionsOf(target, 1)];
  const secrets = [source, target].flatMap(secretOf);
  // Writes reach the devices before it says that it is done.
  await run(
    program,
    ["convert", "-p", "-t", "writeback", ...secrets, "--image-opts", ...(toFile ?? toDisk), ...ends],
    options,
  );
}

/** QEMU's `--image-opts`: "key=value,…", a comma in a value doubled. */
function optionsOf(end: ImageEnd, index: number): string {
  const pairs: Readonly<Record<string, string>> =
    end.kind === "file"
      ? { driver: end.format, "file.driver": "file", "file.filename": end.path }
      : {
          driver: "raw",
          "file.driver": "iscsi",
          "file.transport": "tcp",
          "file.portal": end.portal,
          "file.target": end.target,
          "file.lun": String(end.lun),
          "file.initiator-name": end.iqn,
          discard: "unmap",
          ...(end.chap === undefined ? {} : { "file.user": end.chap.user, "file.password-secret": `chap${index}` }),
        };
  return Object.entries(pairs)
    .map(([key, value]) => `${key}=${value.replaceAll(",", ",,")}`)
    .join(",");
}

/** The file holds the secret and nothing else: QEMU takes all of it. */
function secretOf(end: ImageEnd, index: number): string[] {
  if (end.kind === "file" || end.chap === undefined) return [];
  return ["--object", `secret,id=chap${index},file=${end.chap.secretFile.replaceAll(",", ",,")}`];
}

async function run(program: string, args: readonly string[], { signal, onProgress }: CopyOptions): Promise<void> {
  const child = execa(program, args, {
    reject: false,
    stdin: "ignore",
    ...(signal === undefined ? {} : { cancelSignal: signal, forceKillAfterDelay: 2_000 }),
  });
  child.stdout.on("data", (chunk: Buffer) => {
    const percent = /\(([0-9.]+)\/100%\)[^(]*$/.exec(String(chunk))?.[1];
    if (percent !== undefined) onProgress?.(Number(percent));
  });
  const result = await child;
  signal?.throwIfAborted();
  if (result.failed)
    throw new UserError("REFUSED", `The contents could not be copied (${lastLine(result.stderr)}).`, {
      details: result.stderr.split("\n").slice(-5),
    });
}

function lastLine(text: string): string {
  return (
    text
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^qemu-img: /, "")
      .replace(/\.$/, "") ?? ""
  );
}
