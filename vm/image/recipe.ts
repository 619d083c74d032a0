import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ADDITIONS, type Addition, type Contents } from "./additions.ts";

/** The metapackage whose dependency is the kernel. The cloud kernel lacks fcoe, libfc, scsi_dh_alua, e1000 and 9p. */
export const KERNEL_METAPACKAGE = "linux-image-amd64";

/** Packages that serve the build only: nothing of them is in the image. */
export const BUILD_PACKAGES = ["xz-utils"] as const;

/**
 * What the image takes from each package, as globs below a merged-/usr root.
 * The shared libraries that these files need are found and added by themselves.
 */
const GUEST_CONTENTS: Contents = {
  "busybox-static": ["usr/bin/busybox"],
  bash: ["usr/bin/bash"],
  dash: ["usr/bin/dash"],
  coreutils: ["usr/bin/{dd,stat,sync,timeout,truncate,cp,df,ls}"],
  "util-linux": [
    "usr/bin/{dmesg,fallocate,findmnt,flock,lsblk,lscpu,mountpoint,partx,setsid}",
    "usr/sbin/{blkdiscard,blkid,blockdev,fsck,fsfreeze,fstrim,mkfs,wipefs}",
  ],
  mount: ["usr/bin/{mount,umount}", "usr/sbin/losetup"],
  kmod: ["usr/bin/kmod", "usr/sbin/{depmod,insmod,lsmod,modinfo,modprobe,rmmod}", "usr/bin/lsmod"],
  udev: [
    "usr/bin/udevadm",
    "usr/lib/systemd/systemd-udevd",
    "usr/lib/udev/scsi_id",
    "usr/lib/udev/rules.d/{50-udev-default,60-block,60-persistent-storage,80-drivers}.rules",
  ],
  dmsetup: [
    "usr/sbin/{blkdeactivate,dmsetup}",
    "usr/lib/udev/rules.d/{55-dm,60-persistent-storage-dm,95-dm-notify}.rules",
  ],
  kpartx: ["usr/sbin/kpartx", "usr/lib/udev/kpartx_id", "usr/lib/udev/rules.d/{56-dm-parts,60-kpartx}.rules"],
  "multipath-tools": [
    "usr/sbin/{mpathpersist,multipath,multipathc,multipathd}",
    "usr/lib/multipath/*.so",
    "usr/lib/udev/rules.d/{56-dm-mpath,60-multipath}.rules",
  ],
  // Loaded by libc itself, by name, when a thread of multipathd is cancelled: no program names it.
  "libgcc-s1": ["usr/lib/x86_64-linux-gnu/libgcc_s.so.1"],
  "open-iscsi": ["usr/sbin/{iscsi-iname,iscsiadm,iscsid,iscsistart}", "etc/iscsi/iscsid.conf"],
  "sg3-utils": [
    "usr/bin/sg_{compare_and_write,dd,decode_sense,format,get_lba_status,inq,logs,luns,modes,opcodes,persist,raw,readcap}",
    "usr/bin/sg_{requests,reset,rtpg,sanitize,scan,start,stpg,sync,turs,unmap,verify,vpd,write_same,xcopy}",
    "usr/bin/rescan-scsi-bus.sh",
  ],
  e2fsprogs: [
    "usr/sbin/{badblocks,debugfs,dumpe2fs,e2fsck,e2label,fsck.ext4,mke2fs,mkfs.ext4,resize2fs,tune2fs}",
    "etc/mke2fs.conf",
  ],
  iproute2: ["usr/bin/{ip,ss}", "usr/sbin/tc"],
  "qemu-guest-agent": ["usr/sbin/qemu-ga"],
};

/** What an image with these additions takes from each package. */
export function guestContents(additions: readonly Addition[]): Contents {
  return Object.assign({ ...GUEST_CONTENTS }, ...additions.map((name) => ADDITIONS[name]));
}

/** Kernel modules, without those they depend on (`modules.dep` says which). A name that is built in is fine. */
export const GUEST_MODULES = [
  ..."virtio_pci virtio_net virtio_blk virtio_scsi virtio_console e1000".split(" "),
  ..."iscsi_tcp iscsi_ibft sd_mod sg scsi_dh_alua".split(" "),
  ..."dm-multipath dm-round-robin dm-queue-length dm-service-time".split(" "),
  ..."ext4 xfs crc32c_generic crc32c-intel 9p 9pnet_virtio sch_netem".split(" "),
  ..."fcoe libfcoe libfc nvme-tcp qemu_fw_cfg".split(" "),
] as const;

/** What a system on a disk needs until its root file system is mounted; the shared libraries come by themselves. */
export const BOOT_PROGRAMS = ["usr/bin/busybox", "usr/bin/kmod", "usr/sbin/iscsistart"] as const;
export const BOOT_MODULES = [
  ..."virtio_pci virtio_net virtio_blk virtio_scsi e1000".split(" "),
  ..."iscsi_tcp iscsi_ibft sd_mod ext4 crc32c_generic crc32c-intel".split(" "),
] as const;

/** Files of our own, below `guest/`, and where the image has them. */
export const GUEST_FILES: readonly { readonly source: string; readonly path: string; readonly mode: number }[] = [
  { source: "init", path: "init", mode: 0o755 },
  { source: "inittab", path: "etc/inittab", mode: 0o644 },
  { source: "boot", path: "usr/lib/sanlab/boot", mode: 0o755 },
  { source: "guest-agent", path: "usr/lib/sanlab/guest-agent", mode: 0o755 },
  { source: "log-in", path: "usr/lib/sanlab/log-in", mode: 0o755 },
  { source: "stop", path: "usr/lib/sanlab/stop", mode: 0o755 },
  { source: "host-conf", path: "usr/lib/sanlab/host-conf", mode: 0o755 },
  { source: "shutdown", path: "usr/sbin/shutdown", mode: 0o755 },
  { source: "profile", path: "etc/profile", mode: 0o644 },
  { source: "multipath.conf", path: "etc/multipath.conf", mode: 0o644 },
  { source: "udev.conf", path: "etc/udev/udev.conf", mode: 0o644 },
  { source: "passwd", path: "etc/passwd", mode: 0o644 },
  { source: "group", path: "etc/group", mode: 0o644 },
];

/** The content of one of our own guest files. */
export function guestFile(source: string): Buffer {
  return readFileSync(join(import.meta.dirname, "guest", source));
}

/**
 * Identifies this recipe: everything in this folder, the tables above and our own guest files included, and what is
 * added. Hexadecimal SHA-256.
 */
export function recipeKey(additions: readonly Addition[] = []): string {
  const hash = createHash("sha256").update([...additions].sort().join(" "));
  const files = readdirSync(import.meta.dirname, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
    const content = readFileSync(path);
    hash.update(`\n${relative(import.meta.dirname, path)} ${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

/** Identifies an image: its recipe and the exact packages (`name=version`) that went into it. Hexadecimal SHA-256. */
export function contentKeyOf(recipe: string, packages: readonly string[]): string {
  return createHash("sha256")
    .update([recipe, ...[...packages].sort()].join("\n"))
    .digest("hex");
}
