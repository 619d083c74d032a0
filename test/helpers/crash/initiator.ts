/** QEMU's initiator as a writer that has several writes under way, and may be killed over them. */
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { imageOptions } from "../qemu-io.ts";
import { type DiskModel, SECTOR, type Write } from "./disk-model.ts";

/** A write that no agent answers for so long is one that hangs. */
const PATIENCE_MS = 90_000;
const LOGIN_RETRY_MS = 200;

export class Initiator {
  readonly kill: () => Promise<void>;
  readonly #send: (line: string) => void;
  readonly #model: DiskModel;
  /** Where a sector of the disk is in the unit that it sees. */
  readonly #place: (sector: number) => number;
  /** By offset in the unit: QEMU tells no more of what it has done. */
  readonly #writes = new Map<number, Write>();
  #isDead = false;
  #hasEnded = false;
  /** What it said last. */
  #last = "";
  #failures: string[] = [];
  #wake = Promise.withResolvers<void>();
  #reads = 0;

  private constructor(child: ReturnType<typeof start>, model: DiskModel, place: (sector: number) => number) {
    this.#model = model;
    this.#place = place;
    this.#send = (line) => child.stdin.write(`${line}\n`);
    this.kill = async () => {
      this.#isDead = true;
      child.kill("SIGKILL");
      await child;
      this.#wake.resolve();
    };
    child.stdin.on("error", () => undefined);
    void child.then(() => {
      this.#hasEnded = true;
      if (!this.#isDead) this.#failures.push(`it has ended, after ${JSON.stringify(this.#last)}`);
      this.#wake.resolve();
    });
    void this.#listen(createInterface({ input: child.all }));
  }

  /** Logs in; resolved when it has read something. An agent that has just begun may not listen yet. */
  static async logIn(
    url: string,
    iqn: string,
    model: DiskModel,
    place: (sector: number) => number,
  ): Promise<Initiator> {
    for (const end = performance.now() + PATIENCE_MS; ; await delay(LOGIN_RETRY_MS)) {
      const initiator = new Initiator(start(url, iqn), model, place);
      try {
        await initiator.#answered();
        return initiator;
      } catch (error) {
        await initiator.kill();
        if (!initiator.#hasEnded || performance.now() > end) throw error;
      }
    }
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** All at once, to sectors that no two of them share; resolved when all are answered, or it is dead. */
  async write(writes: readonly Write[]): Promise<void> {
    for (const write of writes) {
      const { first, count, byte, fua } = write;
      const offset = this.#place(first) * SECTOR;
      this.#writes.set(offset, write);
      this.#send(`aio_write ${fua ? "-f " : ""}-P ${byte} ${offset} ${count * SECTOR}`);
    }
    await this.#until(() => this.#writes.size === 0, `${writes.length} writes`);
  }

  /** SYNCHRONIZE CACHE. */
  async flush(): Promise<void> {
    const answered = this.#model.flush();
    this.#send("flush");
    await this.#answered();
    if (!this.#isDead) answered();
  }

  /** UNMAP, of which nothing is sure before somebody has looked. */
  async discard(first: number, count: number): Promise<void> {
    this.#send(`discard ${this.#place(first) * SECTOR} ${count * SECTOR}`);
    await this.#answered();
  }

  /** What was sent before has been answered, when a read is that was sent after it. */
  async #answered(): Promise<void> {
    const reads = this.#reads;
    this.#send("read 0 512");
    await this.#until(() => this.#reads > reads, "a read");
  }

  /** @throws Error where it takes too long, or something has failed */
  async #until(isSo: () => boolean, what: string): Promise<void> {
    for (const end = performance.now() + PATIENCE_MS; !this.#isDead && !isSo(); ) {
      if (this.#failures.length > 0) throw new Error(this.#failures.join("; "));
      if (performance.now() > end) throw new Error(`${what} not answered in ${PATIENCE_MS / 1000} s`);
      const timer = setTimeout(() => this.#wake.resolve(), 1000);
      await this.#wake.promise;
      clearTimeout(timer);
      this.#wake = Promise.withResolvers();
    }
  }

  async #listen(lines: AsyncIterable<string>): Promise<void> {
    for await (const line of lines) {
      if (!this.#isDead) this.#hear(line.replace(/^(qemu-io> )+/, ""));
      this.#wake.resolve();
    }
  }

  #hear(line: string): void {
    this.#last = line;
    const [, done, of, offset] = /^wrote (\d+)\/(\d+) bytes at offset (\d+)/.exec(line) ?? [];
    const write = this.#writes.get(Number(offset));
    if (write !== undefined && done === of) {
      this.#writes.delete(Number(offset));
      this.#model.acknowledged(write);
    }
    if (line.startsWith("read 512/512 bytes")) this.#reads += 1;
    // It says of connections, too, what goes wrong with them before it makes others.
    if (!line.startsWith("qemu-io: ") && /failed|error|invalid/i.test(line)) this.#failures.push(line);
  }
}

/** Left to itself it waits for more input than a line, and keeps what it says until it is asked again. */
function start(url: string, iqn: string) {
  // Of itself it would send every write with FUA, and leave nothing unsynced that power could take.
  const qemu = ["qemu-io", "-t", "writeback", "--image-opts", imageOptions(url, iqn)];
  return execa("stdbuf", ["-i0", "-oL", ...qemu], { all: true, reject: false, buffer: false });
}
