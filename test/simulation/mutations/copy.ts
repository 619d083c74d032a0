/** A copy of the sources in which something may be wrong, with the packages of the original. */
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = new URL("../../..", import.meta.url).pathname;
/** Packages of the workspace, which are to be those of the copy. */
const MEMBERS: Readonly<Record<string, string>> = {
  "node-iscsi-target": "target",
  "@sanlab/controller": "controller",
  "@sanlab/vm": "vm",
};
/** What the simulator imports. */
const SIMULATOR = ["package.json", "target", "controller", "test/package.json", "test/simulation"];

export class SourceCopy {
  readonly directory = mkdtempSync(join(tmpdir(), "sanlab-mutation-"));
  readonly #members: readonly (readonly [name: string, folder: string])[];

  /** `sources`: files and folders of the repository that are to be in it. */
  constructor(sources: readonly string[] = SIMULATOR) {
    this.#members = Object.entries(MEMBERS).filter(([, folder]) => sources.includes(folder));
    const isSource = (path: string) => !path.includes("/node_modules");
    for (const source of sources)
      cpSync(join(ROOT, source), join(this.directory, source), { recursive: true, filter: isSource });
    this.#link("node_modules");
    for (const [, folder] of this.#members) this.#link(join(folder, "node_modules"));
  }

  read(file: string): string {
    return readFileSync(join(this.directory, file), "utf8");
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.directory, file), text);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Each package by a link of its own, since some of them lead elsewhere. */
  #link(folder: string): void {
    const original = join(ROOT, folder);
    if (lstatSync(original, { throwIfNoEntry: false }) === undefined) return;
    mkdirSync(join(this.directory, folder), { recursive: true });
    for (const name of readdirSync(original)) {
      if (name === "@sanlab" || name in MEMBERS) continue;
      symlinkSync(join(original, name), join(this.directory, folder, name));
    }
    if (folder !== "node_modules") return;
    mkdirSync(join(this.directory, folder, "@sanlab"));
    for (const [name, member] of this.#members)
      symlinkSync(join(this.directory, member), join(this.directory, folder, name));
  }
}
