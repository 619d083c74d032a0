/**
 * The guest's system as the image of a disk: a machine boots from it by its BIOS, or over iSCSI by iPXE, and its root
 * file system lies on it. Made without mounts and without being root.
 *
 *     sector 0            master boot record, partition table
 *     1 MiB to 49 MiB     FAT, active: the boot loader (syslinux), kernel, first root file system
 *     49 MiB to the end   ext4, labelled "sanlab-root"
 */
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { withExclusive } from "../exclusive.ts";
import { KERNEL_WORDS } from "../kernel-words.ts";
import { findPrograms } from "../programs.ts";
import { VmError } from "../vm-error.ts";
import { type ArchiveEntry, readCpioArchive } from "./cpio.ts";
import { ensureGuestImage, type GuestImageOptions } from "./guest-image.ts";
import type { GuestImage } from "./image-cache.ts";

const MIB = 1024 ** 2;
const SECTOR_BYTES = 512;
/** The disk is sparse: what is not used takes no space. */
export const DISK_IMAGE_BYTES = 512 * MIB;
const BOOT = { startBytes: MIB, bytes: 48 * MIB, type: 0x0e, active: true } as const;
const ROOT = { startBytes: 49 * MIB, bytes: DISK_IMAGE_BYTES - 49 * MIB, type: 0x83, active: false } as const;
const ROOT_LABEL = "sanlab-root";
/** Of Debian's syslinux-common: starts the active partition. 440 bytes, before the disk's signature. */
const MASTER_BOOT_CODE = "/usr/lib/syslinux/mbr/mbr.bin";
const MASTER_BOOT_CODE_BYTES = 440;

/** The image of a disk with the guest's system, raw and sparse; made when the cache does not have it. Do not write to it. */
export async function ensureDiskImage(options: GuestImageOptions): Promise<string> {
  const image = await ensureGuestImage(options);
  const path = join(dirname(image.kernel), "disk.img");
  const say = options.onProgress ?? (() => {});
  return withExclusive(
    path,
    () => say("Waiting for another process that is making the bootable image"),
    async () => {
      if (await isThere(path)) return path;
      say("Making the bootable image");
      await makeDiskImage(image, path);
      return path;
    },
  );
}

async function makeDiskImage(image: GuestImage, path: string): Promise<void> {
  await findPrograms(["mkfs.vfat", "mke2fs", "mcopy", "syslinux", "unshare"]);
  const work = await mkdtemp(`${path}.making-`);
  try {
    const disk = join(work, "disk.img");
    await writeFile(disk, await masterBootRecord());
    await truncate(disk, DISK_IMAGE_BYTES);
    await makeBootPartition(disk, image, work);
    await makeRootPartition(disk, image, join(work, "root"));
    await rename(disk, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function makeBootPartition(disk: string, image: GuestImage, work: string): Promise<void> {
  const { startBytes, bytes } = BOOT;
  const sectors = startBytes / SECTOR_BYTES;
  const settings = join(work, "syslinux.cfg");
  await writeFile(
    settings,
    `SERIAL 0 115200\nDEFAULT sanlab\nLABEL sanlab\n  LINUX /vmlinuz\n  INITRD /initrd\n  APPEND ${KERNEL_WORDS.join(" ")}\n`,
  );
  // Sizes in KiB; the BIOS counts from the disk's beginning, so the partition knows what lies before it.
  await execa("mkfs.vfat", [
    "--offset",
    `${sectors}`,
    "-h",
    `${sectors}`,
    "-F",
    "16",
    "-n",
    "SANLAB",
    disk,
    `${bytes / 1024}`,
  ]);
  const volume = `${disk}@@${startBytes}`;
  const env = { MTOOLS_SKIP_CHECK: "1" };
  for (const [source, name] of [
    [image.bootKernel, "vmlinuz"],
    [image.bootInitramfs, "initrd"],
    [settings, "syslinux.cfg"],
  ] as const) {
    await execa("mcopy", ["-i", volume, source, `::/${name}`], { env });
  }
  await execa("syslinux", ["--install", "--offset", `${startBytes}`, disk], { env });
}

/** mke2fs takes files as they are: seen from a user namespace, they belong to root, whoever we are. */
async function makeRootPartition(disk: string, image: GuestImage, tree: string): Promise<void> {
  await unpack(readCpioArchive(await readFile(image.initramfs)), tree);
  const make = ["mke2fs", "-q", "-t", "ext4", "-F", "-d", tree, "-L", ROOT_LABEL, "-E", `offset=${ROOT.startBytes}`];
  const asRoot = process.getuid?.() === 0 ? make : ["unshare", "--map-root-user", ...make];
  const [program, ...args] = [...asRoot, disk, `${ROOT.bytes / 1024}k`];
  await execa(program, args);
}

/** Device files are left out: only root could make them, and the kernel brings them (devtmpfs). */
async function unpack(entries: readonly ArchiveEntry[], tree: string): Promise<void> {
  for (const entry of entries) {
    const path = join(tree, entry.path);
    await mkdir(dirname(path), { recursive: true });
    if (entry.kind === "symlink") await symlink(entry.target, path);
    if (entry.kind === "directory") await mkdir(path, { recursive: true });
    if (entry.kind === "file") await writeFile(path, entry.content);
    if (entry.kind === "file" || entry.kind === "directory") await chmod(path, entry.mode);
  }
}

/** Boot code, two entries of 16 bytes from byte 446, signature (UEFI 2.10, 5.2.1). Cylinders are left to the loader (LBA). */
async function masterBootRecord(): Promise<Buffer> {
  const record = Buffer.alloc(SECTOR_BYTES);
  (await bootCode()).copy(record, 0, 0, MASTER_BOOT_CODE_BYTES);
  for (const [index, { startBytes, bytes, type, active }] of [BOOT, ROOT].entries()) {
    const at = 446 + index * 16;
    record.writeUInt8(active ? 0x80 : 0, at);
    record.write("feffff", at + 1, "hex");
    record.writeUInt8(type, at + 4);
    record.write("feffff", at + 5, "hex");
    record.writeUInt32LE(startBytes / SECTOR_BYTES, at + 8);
    record.writeUInt32LE(bytes / SECTOR_BYTES, at + 12);
  }
  record.writeUInt16LE(0xaa55, 510);
  return record;
}

async function bootCode(): Promise<Buffer> {
  try {
    return await readFile(MASTER_BOOT_CODE);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    throw new VmError(
      "PROGRAM_MISSING",
      `${MASTER_BOOT_CODE} is needed for bootable images and not there: install it with 'apt-get install syslinux-common'.`,
    );
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
