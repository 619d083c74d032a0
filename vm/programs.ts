import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { VmError } from "./vm-error.ts";

/** The programs this package runs, and the Debian package that each comes with. */
const DEBIAN_PACKAGES = {
  "qemu-system-x86_64": "qemu-system-x86",
  "apt-get": "apt",
  "apt-cache": "apt",
  "dpkg-deb": "dpkg",
  tar: "tar",
  "mkfs.vfat": "dosfstools",
  mke2fs: "e2fsprogs",
  mcopy: "mtools",
  syslinux: "syslinux",
  unshare: "util-linux",
  "qemu-img": "qemu-utils",
} as const;

export type ProgramName = keyof typeof DEBIAN_PACKAGES;

/**
 * The path of each named program.
 *
 * Throws PROGRAM_MISSING once for all that are missing, naming the Debian packages that have them.
 */
export async function findPrograms(names: readonly ProgramName[], path = process.env.PATH ?? ""): Promise<string[]> {
  const found = await Promise.all(names.map((name) => findInPath(name, path)));
  const missing = names.filter((_, index) => found[index] === undefined);
  if (missing.length > 0) throw missingPrograms(missing);
  return found.filter((program) => program !== undefined);
}

export async function findProgram(name: ProgramName, path?: string): Promise<string> {
  const [found] = await findPrograms([name], path);
  if (found === undefined) throw new Error(`findPrograms returned nothing for ${name}`);
  return found;
}

async function findInPath(name: string, path: string): Promise<string | undefined> {
  for (const directory of path.split(delimiter).filter((part) => part !== "")) {
    const candidate = join(directory, name);
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not in this directory (or not executable there): the next one may have it.
    }
  }
  return undefined;
}

function missingPrograms(missing: readonly ProgramName[]): VmError {
  const packages = [...new Set(missing.map((name) => DEBIAN_PACKAGES[name]))];
  const be = missing.length === 1 ? "is" : "are";
  return new VmError(
    "PROGRAM_MISSING",
    `${missing.join(", ")} ${be} needed for QEMU hosts and not in the PATH: install the Debian package${packages.length === 1 ? "" : "s"} with 'apt-get install ${packages.join(" ")}'.`,
  );
}
