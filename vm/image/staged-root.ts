import { lstat, readlink } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { execa } from "execa";
import { VmError } from "../vm-error.ts";

/** Where programs of Debian's amd64 packages look for libraries; systemd's programs have a directory of their own. */
const LIBRARY_DIRECTORIES = [
  "usr/lib/x86_64-linux-gnu",
  "usr/lib",
  "usr/lib/systemd",
  "usr/lib64",
  // Where Ceph's libraries, which fio has an engine for, look for their own.
  "usr/lib/x86_64-linux-gnu/ceph",
];
const LOADER = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";

/** The file that the guest's kernel loads first for every dynamic program. */
export const LOADER_IN_GUEST = "usr/lib64/ld-linux-x86-64.so.2";

/** A directory that unpacked packages share, seen as the root of a system: its absolute links stay inside. */
export class StagedRoot {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Where `path` (relative to the root) really is: every link followed, none out of the root. */
  async resolve(path: string): Promise<string> {
    let current = "";
    const rest = path.split("/").filter((part) => part !== "");
    for (let links = 0; rest.length > 0; ) {
      const part = rest.shift() ?? "";
      const candidate = join(current, part);
      if (!(await lstat(join(this.directory, candidate))).isSymbolicLink()) {
        current = candidate;
        continue;
      }
      links += 1;
      if (links > 40)
        throw new VmError("IMAGE_BUILD_FAILED", `The link ${path} in the guest image's packages leads nowhere.`);
      const target = await readlink(join(this.directory, candidate));
      if (target.startsWith("/")) current = "";
      rest.unshift(...target.split("/").filter((step) => step !== "" && step !== "."));
      if (rest[0] === "..") {
        rest.shift();
        current = dirname(current) === "." ? "" : dirname(current);
      }
    }
    return current;
  }

  /** Runs a program of the packages themselves, on their own libraries, without installing anything or being root. */
  async run(program: string, args: readonly string[], options: { input?: Uint8Array } = {}): Promise<Uint8Array> {
    const name = program.split("/").at(-1) ?? program;
    const file = join(this.directory, await this.resolve(program));
    const loaderArgs = ["--argv0", name, "--library-path", this.#libraryPath(), file, ...args];
    const { stdout } = await execa(join(this.directory, LOADER), loaderArgs, {
      encoding: "buffer",
      maxBuffer: 1 << 30,
      ...options,
    });
    return stdout;
  }

  /**
   * The shared libraries that the ELF file at `path` loads, as paths relative to the root; none for a static program.
   * Throws IMAGE_BUILD_FAILED when the packages do not have one of them.
   */
  async librariesOf(path: string): Promise<string[]> {
    const file = join(this.directory, path);
    const args = ["--inhibit-cache", "--library-path", this.#libraryPath(), "--list", file];
    const listed = await execa(join(this.directory, LOADER), args, { reject: false });
    // The loader's word for a program without a dynamic section: it needs nothing.
    if (
      /statically linked|not a dynamic executable|cannot load|no dynamic section/.test(
        `${listed.stdout}${listed.stderr}`,
      )
    )
      return [];
    const libraries: string[] = [];
    for (const line of listed.stdout.split("\n")) {
      const [, name, found] = /^\t(\S+) => (.+?)( \(0x[0-9a-f]+\))?$/.exec(line) ?? [];
      if (name === undefined || found === undefined || name.startsWith("/")) continue;
      const inside = relative(this.directory, found);
      if (inside.startsWith(`..${sep}`) || !found.startsWith("/")) throw missingLibrary(path, name);
      libraries.push(inside);
    }
    return libraries;
  }

  /** The dynamic loader itself, relative to the root. */
  get loader(): string {
    return LOADER;
  }

  #libraryPath(): string {
    return LIBRARY_DIRECTORIES.map((directory) => join(this.directory, directory)).join(":");
  }
}

function missingLibrary(path: string, library: string): VmError {
  return new VmError(
    "IMAGE_BUILD_FAILED",
    `${path} of the guest image needs ${library}, which none of its packages has: run 'apt-get update' and try again, and report it if that does not help.`,
  );
}
