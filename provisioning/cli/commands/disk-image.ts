import { resolve } from "node:path";
import type { Disk } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import { IMAGE_FORMATS, type ImageFormat } from "../../images/format.ts";
import { BUILT_IN } from "../../lab/lab.ts";
import { formatSize } from "../../lab/size.ts";
import * as parse from "../parse.ts";
import type { Verb } from "../verb.ts";

/** Images become disks, and disks images. */
export const diskImageVerbs: readonly Verb[] = [
  {
    usage: "import <file> <name>",
    summary: "Make a virtual disk of an image, raw or qcow2; 'built-in' is the guest's own system, to boot hosts from",
    examples: [
      "sanlab disk import debian.qcow2 root --pool main",
      "sanlab disk import built-in root --pool main --size 1GiB",
    ],
    options: [
      new Option("--pool <pool>", "the pool it lies in").makeOptionMandatory(),
      new Option("--size <size>", "its capacity; without it, that of the disk in the image").argParser(parse.size),
      new Option("--thick", "take all its space now"),
    ],
    run: async (context, [file, name], { pool, size, thick }) => {
      const { importDiskWith } = await import("../../apply/transfer.ts");
      const disk: Disk = await importDiskWith(context, {
        file: file === BUILT_IN ? BUILT_IN : resolve(String(file)),
        name: parse.name(String(name)),
        pool: String(pool),
        thick: thick === true,
        ...(size === undefined ? {} : { sizeBytes: size as number }),
      });
      const { sizeBytes, ...rest } = disk;
      await context.print(
        { ...rest, size: sizeBytes },
        () => `Disk '${disk.name}' of ${formatSize(sizeBytes)} holds ${String(file)}.`,
      );
    },
  },
  {
    usage: "export <disk> <file>",
    summary: "Make an image of a virtual disk, as it is while it is read",
    examples: ["sanlab disk export data data.qcow2", "sanlab disk export data data.img --format raw --force"],
    options: [
      new Option("--format <format>", "raw or qcow2; without it, by the file's name").choices(IMAGE_FORMATS),
      new Option("--force", "replace a file that is there"),
    ],
    run: async (context, [disk, file], { format, force }) => {
      const { exportDiskWith } = await import("../../apply/transfer.ts");
      const path = resolve(String(file));
      const byName = path.endsWith(".qcow2") ? "qcow2" : "raw";
      const request = {
        disk: String(disk),
        file: path,
        format: (format as ImageFormat | undefined) ?? byName,
        force: force === true,
      };
      await exportDiskWith(context, request);
      await context.print(request, () => `${path} holds disk '${disk}'.`);
    },
  },
];

/** `sanlab guest-image`: needs no lab. */
export const guestImageVerb: Verb = {
  usage: "guest-image <file>",
  summary: "Write the guest's own system as a bootable image: the basis of one's own, and what iPXE boots from a disk",
  examples: ["sanlab guest-image guest.qcow2", "sanlab guest-image guest.img --format raw"],
  options: [
    new Option("--format <format>", "raw or qcow2; without it, by the file's name").choices(IMAGE_FORMATS),
    new Option("--force", "replace a file that is there"),
  ],
  run: async (context, [file], { format, force }) => {
    const { writeGuestImage } = await import("../../images/guest-image.ts");
    const { cacheDirectory } = await import("../../hosts/start.ts");
    const path = resolve(String(file));
    const byName = path.endsWith(".qcow2") ? "qcow2" : "raw";
    const request = { file: path, format: (format as ImageFormat | undefined) ?? byName, force: force === true };
    await writeGuestImage(
      { cacheDir: cacheDirectory(), say: (message) => context.note(`- ${message}`), signal: context.signal },
      request,
    );
    await context.print(
      request,
      () => `${path} holds the guest's system: 'sanlab disk import ${path} NAME --pool POOL' makes a disk of it.`,
    );
  },
};
