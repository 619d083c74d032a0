import { open, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { tryExclusive } from "./exclusive.ts";
import { RUN_FILES } from "./run-directory.ts";
import { connectRunSocket } from "./run-socket.ts";
import { VmError } from "./vm-error.ts";

/** Ctrl-]: ends `attachConsole`, as in telnet and virsh. */
export const CONSOLE_ESCAPE = 0x1d;
/** Read from the log's end for its last lines. */
const TAIL_BYTES = 256 << 10;
const CONNECT_TIMEOUT_MS = 5_000;

/** Standard input, when it is a terminal. */
interface ConsoleInput extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
}

/** How the console was left: by Ctrl-], by the end of the input, or by the end of QEMU. */
export type ConsoleEnd = "escaped" | "input-ended" | "host-ended";

/**
 * Connects `input` and `output` to the host's serial console, as bytes, until Ctrl-] is typed. A terminal is put
 * into raw mode meanwhile, so that every key, Ctrl-C too, goes to the guest.
 * Throws CONSOLE_BUSY when somebody else is connected, and HOST_NOT_RUNNING.
 */
export async function attachConsole(runDir: string, input: ConsoleInput, output: Writable): Promise<ConsoleEnd> {
  const use = await tryExclusive(`console ${resolve(runDir)}`);
  if (use === undefined) {
    throw new VmError(
      "CONSOLE_BUSY",
      `Somebody else is at the console of the host in ${runDir}: leave it there with Ctrl-] first.`,
    );
  }
  try {
    const socket = await connectRunSocket(runDir, RUN_FILES.console, performance.now() + CONNECT_TIMEOUT_MS);
    if (input.isTTY) input.setRawMode?.(true);
    try {
      return await passThrough(socket, input, output);
    } finally {
      if (input.isTTY) input.setRawMode?.(false);
      input.pause();
      socket.destroy();
    }
  } finally {
    use.release();
  }
}

/** The console's last `lineCount` lines, without control sequences; none when nothing was printed yet. */
export async function readConsoleTail(runDir: string, lineCount: number): Promise<string[]> {
  return tailLines(join(runDir, RUN_FILES.consoleLog), lineCount);
}

/** What the console printed behind its first `fromBytes`, or the last of it, without control sequences. */
export async function readConsole(runDir: string, fromBytes: number): Promise<string> {
  return plain(await readEnd(join(runDir, RUN_FILES.consoleLog), fromBytes));
}

/** How much the console has printed; 0 where it has not begun. */
export async function consoleBytes(runDir: string): Promise<number> {
  const log = await stat(join(runDir, RUN_FILES.consoleLog)).catch(notThere);
  return log?.size ?? 0;
}

/** The last lines of a log file; none where there is no such file. */
export async function tailLines(path: string, lineCount: number): Promise<string[]> {
  const lines = plain(await readEnd(path)).split("\n");
  return lines.filter((line) => line.trim() !== "").slice(-lineCount);
}

function passThrough(socket: NodeJS.ReadWriteStream, input: ConsoleInput, output: Writable): Promise<ConsoleEnd> {
  return new Promise((resolve) => {
    const onInput = (chunk: Buffer | string) => {
      const bytes = Buffer.from(chunk);
      const escapeAt = bytes.indexOf(CONSOLE_ESCAPE);
      socket.write(escapeAt < 0 ? bytes : bytes.subarray(0, escapeAt));
      if (escapeAt >= 0) finish("escaped");
    };
    const onEnd = () => finish("input-ended");
    const onOutput = (chunk: Buffer) => void output.write(chunk);
    const finish = (end: ConsoleEnd) => {
      input.off("data", onInput).off("end", onEnd);
      socket.off("data", onOutput);
      resolve(end);
    };
    input.on("data", onInput).on("end", onEnd);
    socket.on("data", onOutput);
    // A socket of a QEMU that was killed ends by an error (ECONNRESET): the host has ended all the same.
    socket.on("error", () => finish("host-ended"));
    socket.on("close", () => finish("host-ended"));
  });
}

function plain(text: string): string {
  return stripVTControlCharacters(text).replaceAll("\r", "");
}

async function readEnd(path: string, fromBytes = 0): Promise<string> {
  await using file = await open(path).catch(notThere);
  if (file === undefined) return "";
  const { size } = await file.stat();
  const length = Math.max(0, Math.min(size - fromBytes, TAIL_BYTES));
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
  return buffer.subarray(0, bytesRead).toString("utf8");
}

function notThere(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}
