/** QEMU's own iSCSI initiator as an interactive client: one session that lives as long as the test. */
import { createInterface } from "node:readline";
import type { ExecutionContext } from "ava";
import { execa } from "execa";

const QUIT_LIMIT_MS = 5_000;

export class QemuIo {
  readonly #send: (line: string) => void;
  readonly #lines: string[] = [];
  #wake: (() => void) | undefined;

  constructor(send: (line: string) => void, lines: AsyncIterable<string>) {
    this.#send = send;
    void this.#collect(lines);
  }

  async write(offset: number, length: number, pattern: number): Promise<void> {
    await this.#ask(`write -P ${pattern} ${offset} ${length}`, /^wrote \d+\/\d+ bytes/);
  }

  async discard(offset: number, length: number): Promise<void> {
    await this.#ask(`discard ${offset} ${length}`, /^discard \d+\/\d+ bytes/);
  }

  /** Throws unless every byte of the range is `pattern`; undefined: only reads. */
  async expectPattern(offset: number, length: number, pattern: number | undefined): Promise<void> {
    const check = pattern === undefined ? "" : `-P ${pattern} `;
    await this.#ask(`read ${check}${offset} ${length}`, /^read \d+\/\d+ bytes/);
  }

  /** The byte at an offset, a multiple of 512. */
  async byteAt(offset: number): Promise<number> {
    const dump = await this.#ask(`read -v ${offset} 512`, /^read \d+\/\d+ bytes/);
    const [, byte] =
      dump.map((line) => /^[0-9a-f]{8}:\s+([0-9a-f]{2})/.exec(line)).find((match) => match !== null) ?? [];
    if (byte === undefined) throw new Error(`qemu-io showed no bytes of ${offset}`);
    return Number.parseInt(byte, 16);
  }

  /** What it printed before it was done. */
  async #ask(command: string, done: RegExp): Promise<string[]> {
    this.#send(command);
    const printed: string[] = [];
    for (;;) {
      const line = await this.#next(command);
      // QEMU's initiator says what the target answered; qemu-io's own line about it follows.
      if (line.startsWith("qemu-io: ")) continue;
      if (/failed|error|invalid/i.test(line)) throw new Error(`${command}: ${line}`);
      if (done.test(line)) return printed;
      printed.push(line);
    }
  }

  async #next(command: string): Promise<string> {
    const end = performance.now() + 60_000;
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line.replace(/^(qemu-io> )+/, "");
      if (performance.now() > end) throw new Error(`qemu-io gave no answer to: ${command}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async #collect(lines: AsyncIterable<string>): Promise<void> {
    for await (const line of lines) {
      this.#lines.push(line);
      this.#wake?.();
    }
  }
}

/** A disk as QEMU's `--image-opts` name it. Writes go through (cache=none), so that an answer is the target's. */
export function imageOptions(url: string, iqn: string): string {
  const [, portal, target, lun] = /^iscsi:\/\/([^/]+)\/([^/]+)\/(\d+)$/.exec(url) ?? [];
  return [
    "driver=raw",
    "file.driver=iscsi",
    "file.transport=tcp",
    `file.portal=${portal}`,
    `file.target=${target}`,
    `file.lun=${lun}`,
    `file.initiator-name=${iqn}`,
    "cache.direct=on",
    "discard=unmap",
  ].join(",");
}

/** Logs in under `iqn` and keeps the session until the test ends. */
export async function openDisk(t: ExecutionContext, url: string, iqn: string): Promise<QemuIo> {
  const child = execa("qemu-io", ["--image-opts", imageOptions(url, iqn)], { all: true, reject: false, buffer: false });
  t.teardown(async () => {
    child.stdin.end("quit\n");
    // Where its target is gone, QEMU looks for it for ever.
    const impatience = setTimeout(() => child.kill("SIGKILL"), QUIT_LIMIT_MS);
    await child;
    clearTimeout(impatience);
  });
  const disk = new QemuIo((line) => child.stdin.write(`${line}\n`), createInterface({ input: child.all }));
  await disk.expectPattern(0, 512, undefined);
  return disk;
}
