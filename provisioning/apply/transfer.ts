/** `sanlab disk import` and `disk export`, as the only operation on the lab. */
import type { Disk } from "@sanlab/controller/api/resources.ts";
import { type ExportRequest, exportDisk, type ImportRequest, importDisk } from "../images/transfer.ts";
import { alone, type SingleOptions } from "./single.ts";

export async function importDiskWith(options: SingleOptions, request: ImportRequest): Promise<Disk> {
  let disk: Disk | undefined;
  await alone(options, async (context) => {
    disk = await importDisk(context, request);
  });
  if (disk === undefined) throw new Error("a disk was imported and is not there");
  return disk;
}

export async function exportDiskWith(options: SingleOptions, request: ExportRequest): Promise<void> {
  await alone(options, (context) => exportDisk(context, request));
}
