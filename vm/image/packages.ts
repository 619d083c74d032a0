import { createHash } from "node:crypto";
import { mkdir, readdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { findPrograms } from "../programs.ts";
import { sentenceOf, VmError } from "../vm-error.ts";
import type { Contents } from "./additions.ts";
import { BUILD_PACKAGES, KERNEL_METAPACKAGE } from "./recipe.ts";

/** Where apt keeps what it knows of its sources' packages. */
const APT_LISTS = "/var/lib/apt/lists";

/** A Debian package at the version that apt would install. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
}

/**
 * Every package a guest image is made of, at the versions that apt knows now: those of `contents`, the kernel, and the
 * libraries they depend on. Asks apt's lists on this machine only, never the network.
 *
 * Only libraries are followed: packages hold much that the image does not (debconf, perl, init scripts).
 * That nothing was missed is proved when the image is assembled, since every library a program needs must be there.
 */
export async function resolvePackages(contents: Contents): Promise<DebianPackage[]> {
  await findPrograms(["apt-cache", "apt-get", "dpkg-deb", "tar"]);
  const resolved = new Map<string, DebianPackage>();
  let wanted = [KERNEL_METAPACKAGE, ...BUILD_PACKAGES, ...Object.keys(contents)];
  let isRequested = true;
  while (wanted.length > 0) {
    const records = await packageRecords(wanted);
    const unknown = wanted.filter((name) => !records.has(name));
    if (isRequested && unknown.length > 0) throw unknownPackages(unknown);
    for (const record of records.values()) resolved.set(record.name, { name: record.name, version: record.version });
    const next = [...records.values()].flatMap((record) => record.depends).filter(isNeededDependency);
    wanted = [...new Set(next)].filter((name) => !resolved.has(name));
    isRequested = false;
  }
  resolved.delete(KERNEL_METAPACKAGE);
  return [...resolved.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Downloads `packages` with apt, which checks their signatures, and unpacks them all into `root`, a merged /usr.
 * Throws PACKAGES_UNAVAILABLE when one cannot be had.
 */
export async function unpackPackages(
  packages: readonly DebianPackage[],
  directory: string,
  root: string,
): Promise<void> {
  const downloads = join(directory, "packages");
  await mkdir(downloads, { recursive: true });
  const names = packages.map(({ name, version }) => `${name}=${version}`);
  const download = await execa("apt-get", ["-q", "download", ...names], {
    cwd: downloads,
    reject: false,
    env: { LC_ALL: "C" },
  });
  if (download.failed) throw downloadFailed(download.stderr);
  await makeMergedRoot(root);
  for (const archive of await readdir(downloads)) await unpack(join(downloads, archive), root);
}

/** Names this state of apt's lists: while it is the same, so are the versions. "none" where there are no lists. */
export async function packageListsState(lists = APT_LISTS): Promise<string> {
  const hash = createHash("sha256");
  const names = (await namesIn(lists)).filter((name) => /_Packages(\.\w+)?$/.test(name)).sort();
  if (names.length === 0) return "none";
  for (const name of names) {
    const { size, mtimeMs } = await stat(join(lists, name));
    hash.update(`${name} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

/** Fetches apt's package lists, which needs root; throws PACKAGE_LISTS_MISSING with the command for everybody else. */
export async function updatePackageLists(): Promise<void> {
  await findPrograms(["apt-get"]);
  if (process.getuid?.() !== 0) {
    throw new VmError(
      "PACKAGE_LISTS_MISSING",
      "apt has no usable package lists on this machine, which the guest image is made from: run 'sudo apt-get update' and try again.",
    );
  }
  const update = await execa("apt-get", ["-q", "update"], { reject: false, env: { LC_ALL: "C" } });
  if (update.failed) throw downloadFailed(update.stderr);
}

interface PackageRecord extends DebianPackage {
  readonly depends: readonly string[];
}

async function packageRecords(names: readonly string[]): Promise<Map<string, PackageRecord>> {
  // Exits with an error when any of the names is unknown, and still prints the others.
  const { stdout } = await execa("apt-cache", ["show", "--no-all-versions", ...names], {
    reject: false,
    env: { LC_ALL: "C" },
  });
  const records = parsePackageRecords(stdout).map((record) => [record.name, record] as const);
  return new Map(records);
}

/** The records of `apt-cache show` (deb-control(5)); of alternatives, the first. */
export function parsePackageRecords(text: string): PackageRecord[] {
  return text.split(/\n\n+/).flatMap((paragraph) => {
    const fields = new Map<string, string>();
    for (const line of paragraph.split("\n")) {
      const match = /^([A-Za-z0-9-]+): (.*)$/.exec(line);
      if (match?.[1] !== undefined && match[2] !== undefined) fields.set(match[1], match[2]);
    }
    const [name, version] = [fields.get("Package"), fields.get("Version")];
    if (name === undefined || version === undefined) return [];
    const relations = [fields.get("Pre-Depends"), fields.get("Depends")].flatMap((value) => value?.split(",") ?? []);
    const depends = relations.flatMap((relation) => /^\s*([a-z0-9.+-]+)/.exec(relation)?.[1] ?? []);
    return [{ name, version, depends }];
  });
}

function isNeededDependency(name: string): boolean {
  // Python's own package is a name for the one of its version.
  return /^(lib|zlib|python3\.\d+-minimal)/.test(name) || /^linux-image-\d/.test(name);
}

/** The names that packages use for their files: /bin and /usr/bin are one directory, as on an installed Debian. */
async function makeMergedRoot(root: string): Promise<void> {
  for (const name of MERGED_DIRECTORIES) {
    await mkdir(join(root, "usr", name), { recursive: true });
    await symlink(`usr/${name}`, join(root, name));
  }
}

export const MERGED_DIRECTORIES = ["bin", "sbin", "lib", "lib64"] as const;

async function unpack(archive: string, root: string): Promise<void> {
  const excludes = ["doc", "locale", "man", "info", "lintian"].map((name) => `--exclude=./usr/share/${name}`);
  // `dpkg-deb -x` would replace the links of a merged /usr by directories; tar can be told not to.
  const tarArgs = ["-x", "--keep-directory-symlink", "--no-same-owner", ...excludes, "-C", root];
  await execa("dpkg-deb", ["--fsys-tarfile", archive], { buffer: false }).pipe("tar", tarArgs);
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch {
    // No apt here, or nothing that we may read: the same as no lists.
    return [];
  }
}

function unknownPackages(names: readonly string[]): VmError {
  return new VmError(
    "PACKAGES_UNAVAILABLE",
    `apt does not know the package${names.length === 1 ? "" : "s"} ${names.join(", ")}, which the guest image is made from: check that /etc/apt names Debian's main archive, then run 'apt-get update'.`,
  );
}

function downloadFailed(stderr: string): VmError {
  const errors = stderr.split("\n").filter((line) => line.startsWith("E:"));
  const reason = sentenceOf(errors[0] ?? stderr.trim())
    .replace(/^E:\s*/, "")
    .replace(/\.$/, "");
  return new VmError(
    "PACKAGES_UNAVAILABLE",
    `The guest image's Debian packages could not be downloaded (${reason}): check the network and apt's sources, and try again.`,
    { details: errors },
  );
}
