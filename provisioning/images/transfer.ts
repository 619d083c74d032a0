/** Images become disks, and disks images: all or nothing. */
import { rename, rm, stat } from "node:fs/promises";
import type { Disk, Pool } from "@sanlab/controller/api/resources.ts";
import { ensureDiskImage } from "@sanlab/vm";
import { errorCode } from "../errors.ts";
import { BUILT_IN } from "../lab/lab.ts";
import { formatSize } from "../lab/size.ts";
import { UserError } from "../user-error.ts";
import type { ImageFormat } from "./format.ts";
import { copyImage, type ImageFacts, imageFacts } from "./qemu-img.ts";
import { type VisitedLab, visitDisk } from "./visit.ts";

export interface TransferLab extends VisitedLab {
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly say: (message: string) => void;
}

/** The image at a path, or the guest's own system. */
export async function sourceImage(
  image: string,
  { cacheDir, say }: Pick<TransferLab, "cacheDir" | "say">,
): Promise<ImageFacts> {
  return imageFacts(image === BUILT_IN ? await ensureDiskImage({ cacheDir, onProgress: say }) : image);
}

/** Fills a disk that is new, and so reads as zeros. What fails leaves the disk in some state: delete it then. */
export async function fillDisk(lab: TransferLab, disk: Disk, image: ImageFacts): Promise<void> {
  assertFits(disk, image);
  const { path, format } = image;
  await visitDisk(lab, disk.name, { deletesDisk: true }, (target) =>
    copyImage({ kind: "file", path, format }, target, {
      targetIsZero: true,
      ...progress(lab, `fill disk '${disk.name}'`),
    }),
  );
}

/** @throws UserError where the disk is smaller than what is in the image */
export function assertFits(
  disk: Pick<Disk, "name" | "sizeBytes">,
  image: Pick<ImageFacts, "path" | "sizeBytes">,
): void {
  if (image.sizeBytes <= disk.sizeBytes) return;
  throw new UserError(
    "REFUSED",
    `The image ${image.path} holds ${formatSize(image.sizeBytes)}, and disk '${disk.name}' has ${formatSize(disk.sizeBytes)}: make the disk at least as large.`,
  );
}

export interface ImportRequest {
  readonly file: string;
  readonly name: string;
  readonly pool: string;
  /** Absent: as large as what is in the image. */
  readonly sizeBytes?: number;
  readonly thick: boolean;
}

/** Makes a disk of an image; there is none where it fails, or is interrupted, or its process is killed. */
export async function importDisk(lab: TransferLab, request: ImportRequest): Promise<Disk> {
  const { file, name, pool, thick } = request;
  const image = await sourceImage(file, lab);
  const sizeBytes = request.sizeBytes ?? (await wholeSegments(lab, pool, image.sizeBytes));
  const disk = await lab.api.post<Disk>("/disks", { name, sizeBytes, pool, thick });
  try {
    await fillDisk(lab, disk, image);
  } catch (error) {
    await lab.undoApi.delete(`/disks/${name}`);
    throw error;
  }
  return lab.api.get<Disk>(`/disks/${name}`);
}

async function wholeSegments({ api }: TransferLab, pool: string, bytes: number): Promise<number> {
  const { segmentBytes } = await api.get<Pool>(`/pools/${pool}`);
  return Math.ceil(bytes / segmentBytes) * segmentBytes;
}

export interface ExportRequest {
  readonly disk: string;
  readonly file: string;
  readonly format: ImageFormat;
  /** Replaces a file that is there. */
  readonly force: boolean;
}

/** Makes an image of a disk, as it is while it is read. The file is there when it is whole. */
export async function exportDisk(lab: TransferLab, { disk, file, format, force }: ExportRequest): Promise<void> {
  await lab.api.get(`/disks/${disk}`);
  if (!force && (await isThere(file)))
    throw new UserError(
      "REFUSED",
      `${file} is there already and was left as it is: name another file, or replace it with --force.`,
    );
  const partial = `${file}.${process.pid}.partial`;
  try {
    await visitDisk(lab, disk, { deletesDisk: false }, (source) =>
      copyImage(source, { kind: "file", path: partial, format }, progress(lab, `read disk '${disk}'`)),
    );
    await rename(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
}

/** Says how far it is, every ten percent. */
function progress(
  { signal, say }: TransferLab,
  what: string,
): { signal: AbortSignal; onProgress: (percent: number) => void } {
  let next = 10;
  const onProgress = (percent: number) => {
    if (percent < next) return;
    next = Math.floor(percent / 10) * 10 + 10;
    say(`${what}: ${Math.floor(percent)} %`);
  };
  return { signal, onProgress };
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
