/** What a test run has to itself: a mark that its processes inherit, and a directory for temporary files. */
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kernelObjects } from "./left-kernel-objects.ts";
import { leftProcesses } from "./left-processes.ts";

/** Node's own, which it keeps beside temporary files. */
const NOT_OURS = /^node-compile-cache$/;

export class TestSite {
  readonly #run = randomUUID();
  readonly #directory = mkdtempSync(join(tmpdir(), "sanlab-run-"));
  readonly #temporary = join(this.#directory, "tmp");
  readonly #guests = join(this.#directory, "guests");
  readonly #kernelObjects: () => readonly string[];
  readonly #before: ReadonlySet<string>;

  /** Those of the machine belong to all runs on it, so a test of this class brings its own. */
  constructor(objects: () => readonly string[] = kernelObjects) {
    this.#kernelObjects = objects;
    this.#before = new Set(objects());
    mkdirSync(this.#temporary);
    writeFileSync(this.#guests, "");
  }

  get env(): Readonly<Record<string, string>> {
    return { SANLAB_TEST_RUN: this.#run, SANLAB_GUEST_COUNT_FILE: this.#guests, TMPDIR: this.#temporary };
  }

  /** Tests append a line for each guest that they boot. */
  guestsBooted(): number {
    return readFileSync(this.#guests, "utf8").split("\n").length - 1;
  }

  /** What was not there before the run: processes, files, sockets and directories, objects of the kernel; a phrase each. */
  leftBehind(): string[] {
    const files = readdirSync(this.#temporary).filter((name) => !NOT_OURS.test(name));
    const objects = this.#kernelObjects().filter((object) => !this.#before.has(object));
    return [...leftProcesses(this.#run), ...files.map((name) => join(this.#temporary, name)), ...objects];
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
