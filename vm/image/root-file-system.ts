import { glob, lstat, open, readdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { VmError } from "../vm-error.ts";
import type { Contents } from "./additions.ts";
import type { ArchiveEntry } from "./cpio.ts";
import { MERGED_DIRECTORIES } from "./packages.ts";
import { BOOT_PROGRAMS, GUEST_FILES, guestFile } from "./recipe.ts";
import { LOADER_IN_GUEST, type StagedRoot } from "./staged-root.ts";

/** Everything the guest's root file system holds: programs of the packages, their libraries, modules, our own files. */
export async function rootFileSystem(
  root: StagedRoot,
  modulesRoot: string,
  contents: Contents,
): Promise<ArchiveEntry[]> {
  const programs = await programEntries(root, contents);
  const libraries = await libraryEntries(root, programs);
  return [
    ...skeleton(),
    ...(await appletLinks(root, new Set(programs.map(({ path }) => basename(path))))),
    ...programs,
    ...libraries,
    ...(await treeEntries(join(modulesRoot, "lib/modules"), "usr/lib/modules")),
    ...GUEST_FILES.map(({ source, path, mode }) => ({ kind: "file", path, mode, content: guestFile(source) }) as const),
  ];
}

/** What a system on a disk starts with, until its own root file system is found. */
export async function bootFileSystem(root: StagedRoot, modulesRoot: string): Promise<ArchiveEntry[]> {
  const programs = (await Promise.all(BOOT_PROGRAMS.map((path) => linkedEntries(root, path)))).flat();
  return [
    ...MERGED_DIRECTORIES.map((name) => ({ kind: "symlink", path: name, target: `usr/${name}` }) as const),
    ...["dev", "proc", "sys", "run"].map((path) => ({ kind: "directory", path, mode: 0o755 }) as const),
    { kind: "character-device", path: "dev/console", mode: 0o600, major: 5, minor: 1 },
    ...programs,
    { kind: "symlink", path: "usr/sbin/modprobe", target: "../bin/kmod" },
    ...(await libraryEntries(root, programs)),
    ...(await treeEntries(join(modulesRoot, "lib/modules"), "usr/lib/modules")),
    { kind: "file", path: "init", mode: 0o755, content: guestFile("boot-from-disk") },
  ];
}

/** What no package brings: the merged /usr, mount points, and the console that the kernel opens before anything is mounted. */
function skeleton(): ArchiveEntry[] {
  const links = MERGED_DIRECTORIES.map((name) => ({ kind: "symlink", path: name, target: `usr/${name}` }) as const);
  const names = [
    "dev",
    "proc",
    "sys",
    "run",
    "tmp",
    "root",
    "mnt",
    "etc/iscsi",
    "etc/multipath",
    "etc/sanlab",
    "var/lib",
    "var/log",
  ];
  const directories = names.map(
    (path) => ({ kind: "directory", path, mode: path === "tmp" ? 0o1777 : 0o755 }) as const,
  );
  return [
    ...links,
    ...directories,
    { kind: "symlink", path: "var/run", target: "/run" },
    { kind: "symlink", path: "var/lock", target: "/run/lock" },
    { kind: "symlink", path: "etc/mtab", target: "/proc/self/mounts" },
    { kind: "symlink", path: "usr/bin/sh", target: "dash" },
    { kind: "character-device", path: "dev/console", mode: 0o600, major: 5, minor: 1 },
  ];
}

/** Links for busybox's applets, except where a program of the same name is there in its own right. */
async function appletLinks(root: StagedRoot, programs: ReadonlySet<string>): Promise<ArchiveEntry[]> {
  const applets = Buffer.from(await root.run("usr/bin/busybox", ["--list-full"]))
    .toString()
    .split("\n");
  return applets
    .filter((path) => path !== "" && basename(path) !== "sh" && !programs.has(basename(path)))
    .map((path) => ({ kind: "symlink", path: path.replace(/^(bin|sbin)\//, "usr/$1/"), target: "/usr/bin/busybox" }));
}

async function programEntries(root: StagedRoot, contents: Contents): Promise<ArchiveEntry[]> {
  const entries = new Map<string, ArchiveEntry>();
  for (const [name, patterns] of Object.entries(contents)) {
    for (const pattern of patterns.flatMap(expandBraces)) {
      const paths = await Array.fromAsync(glob(pattern, { cwd: root.directory }));
      if (paths.length === 0) {
        throw new VmError(
          "IMAGE_BUILD_FAILED",
          `The Debian package ${name} has no file ${pattern}, which the guest image takes from it.`,
        );
      }
      for (const path of paths) for (const entry of await linkedEntries(root, path)) entries.set(entry.path, entry);
    }
  }
  return [...entries.values()];
}

/** `a{b,c}` → `ab`, `ac`, so that each name of a list is seen to exist. One pair of braces a pattern. */
function expandBraces(pattern: string): string[] {
  const [, before, list, after] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(pattern) ?? [];
  return list === undefined ? [pattern] : list.split(",").map((name) => `${before}${name}${after}`);
}

/** A file; for a link also what it leads to. */
async function linkedEntries(root: StagedRoot, path: string): Promise<ArchiveEntry[]> {
  const file = join(root.directory, path);
  const status = await lstat(file);
  if (!status.isSymbolicLink())
    return [{ kind: "file", path, mode: status.mode & 0o7777, content: await readFile(file) }];
  const real = await linkedEntries(root, await root.resolve(path));
  return [...real, { kind: "symlink", path, target: await readlink(file) }];
}

async function libraryEntries(root: StagedRoot, programs: readonly ArchiveEntry[]): Promise<ArchiveEntry[]> {
  const libraries = new Set<string>();
  for (const program of programs) {
    if (program.kind !== "file" || !(await isElf(join(root.directory, program.path)))) continue;
    for (const library of await root.librariesOf(program.path)) libraries.add(library);
  }
  const entries = [...libraries].map(async (path) => fileEntry(root, path, path));
  return Promise.all([...entries, fileEntry(root, root.loader, LOADER_IN_GUEST)]);
}

async function fileEntry(root: StagedRoot, path: string, pathInGuest: string): Promise<ArchiveEntry> {
  // A library's name is a link to its version; the guest needs the name only.
  const content = await readFile(join(root.directory, await root.resolve(path)));
  return { kind: "file", path: pathInGuest, mode: 0o755, content };
}

async function isElf(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.toString("latin1") === "\x7fELF";
  } finally {
    await handle.close();
  }
}

/** All files below `directory`, as entries below `pathInGuest`. */
async function treeEntries(directory: string, pathInGuest: string): Promise<ArchiveEntry[]> {
  const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return Promise.all(
    files.map(async (entry) => {
      const file = join(entry.parentPath, entry.name);
      const path = pathInGuest + file.slice(directory.length);
      return { kind: "file", path, mode: 0o644, content: await readFile(file) } as const;
    }),
  );
}
