/** The Debian packages that each purpose needs. Plain JavaScript: set-up runs under whatever Node the machine has. */
const GUESTS = ["qemu-system-x86", "qemu-utils", "util-linux"];
const INITIATORS = ["libiscsi-bin", "qemu-utils", "qemu-block-extra"];

/** What judges the scripts that `export script` writes. */
const JUDGES = ["libvirt-clients", "libxml2-utils", "ruby", "vagrant", "vagrant-libvirt", "cloud-init"];

/** What images of disks are made with: bootable ones, and seeds for cloud-init. */
const IMAGES = ["syslinux", "syslinux-common", "dosfstools", "mtools", "e2fsprogs"];

/** What the load generator of the benchmark is compiled with. */
const COMPILER = ["gcc", "libc6-dev", "libiscsi-dev"];

/** What digests quickly (target/wire/isa-l.ts). */
const DIGESTS = ["libisal2"];

/** What an agent can do without: where it cannot be had, the rest goes on. */
export const WELCOME = DIGESTS;

/** The purposes for which it is worth a call of apt-get of its own; for the others it comes along with what is needed. */
export const WAITS_FOR_WELCOME = new Set(["test", "bench"]);

export const PACKAGES = {
  start: GUESTS,
  test: [
    ...new Set([
      ...GUESTS,
      ...INITIATORS,
      ...JUDGES,
      ...IMAGES,
      ...COMPILER,
      "ipxe-qemu",
      "tgt",
      "strace",
      "mount",
      "openssl",
      "spin",
      "iproute2",
    ]),
  ],
  bench: [...new Set([...GUESTS, ...INITIATORS, ...COMPILER, "tgt"])],
  develop: [],
};
