/** A directory on storage that loses what was not synced when its power is cut (`volatile-tree.ts`); gone when its owner ends. */
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import type { Losses } from "./volatile-file.ts";

interface Owner {
  teardown(end: () => Promise<void>): void;
}

const SERVER = new URL("server.ts", import.meta.url).pathname;
const AS_ROOT: readonly string[] = process.getuid?.() === 0 ? [] : ["sudo", "-n"];

export class VolatileStorage {
  readonly directory: string;
  readonly #ask: (line: string) => void;
  readonly #answers: AsyncIterator<string>;

  private constructor(directory: string, ask: (line: string) => void, answers: AsyncIterator<string>) {
    this.directory = directory;
    this.#ask = ask;
    this.#answers = answers;
  }

  static async mount(owner: Owner): Promise<VolatileStorage> {
    const directory = await mkdtemp(join(tmpdir(), "sanlab-volatile-"));
    const command = [...AS_ROOT, process.execPath, "--disable-warning=ExperimentalWarning", SERVER, directory];
    const server = execa(command[0] as string, command.slice(1), { reject: false, buffer: false, stderr: "inherit" });
    owner.teardown(async () => {
      server.stdin.end();
      await server;
      await rmdir(directory);
    });
    const answers = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const storage = new VolatileStorage(directory, (line) => server.stdin.write(`${line}\n`), answers);
    await storage.#answer();
    return storage;
  }

  /** Nobody uses it now. Power is lost, and is back. */
  async cut(seed: number): Promise<Losses> {
    this.#ask(`cut ${seed}`);
    return JSON.parse(await this.#answer()) as Losses;
  }

  async #answer(): Promise<string> {
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error("the process that serves the storage has ended");
    return value;
  }
}
