/**
 * The Debian packages that each purpose needs, by the program that proves it is there.
 * Plain JavaScript: set-up runs under whatever Node the machine has.
 */
export const PACKAGES = {
  start: ["qemu-system-x86", "qemu-utils", "util-linux"],
  test: ["qemu-system-x86", "qemu-utils", "qemu-block-extra", "util-linux", "libiscsi-bin", "tgt", "strace"],
  bench: ["libiscsi-bin", "tgt"],
  develop: [],
};
