/** The system calls of a running process, in their order, by strace. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { execa } from "execa";
import { eventually } from "./lab.ts";

export interface SystemCall {
  readonly name: string;
  /** What it was called with, as strace writes it: descriptors with their paths, strings in hex. */
  readonly text: string;
  /** What was read or written, its beginning at least: the bytes of its strings. */
  readonly bytes: Buffer;
  /** Places in the trace: one call ended before another began where `ended < began`. */
  readonly began: number;
  readonly ended: number;
  readonly result: number;
}

const DATA_BYTES = 4096;

/** Traces a process and all its threads while `work` runs; the calls that ended meanwhile. */
export async function traceCalls(
  t: ExecutionContext,
  pid: number,
  names: readonly string[],
  directory: string,
  work: () => Promise<void>,
): Promise<SystemCall[]> {
  const output = join(directory, `trace-${pid}`);
  const options = ["-f", "-yy", "-xx", "-s", String(DATA_BYTES), "-e", `trace=${names.join(",")}`, "-o", output];
  const strace = execa("strace", [...options, "-p", String(pid)], { reject: false, buffer: false });
  const said: string[] = [];
  strace.stderr.on("data", (chunk: Buffer) => said.push(String(chunk)));
  t.teardown(async () => {
    strace.kill("SIGINT");
    await strace;
    await rm(output, { force: true });
  });
  await eventually("strace has attached", () => Promise.resolve(/attached/.test(said.join(""))));
  await work();
  strace.kill("SIGINT");
  await strace;
  return parseTrace(await readFile(output, "utf8"));
}

const WHOLE = /^(\d+) +(\w+)\((.*)\) += (-?\d+)/;
const BEGUN = /^(\d+) +(\w+)\((.*?),? *<unfinished \.\.\.>$/;
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)/;

/** Calls of several threads lie across each other: their beginnings and ends are lines of their own. */
export function parseTrace(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const open = new Map<string, { name: string; text: string; began: number }>();
  trace.split("\n").forEach((line, at) => {
    const [, begunBy, begunName, begunText] = BEGUN.exec(line) ?? [];
    if (begunBy !== undefined) {
      open.set(begunBy, { name: begunName as string, text: begunText as string, began: at });
      return;
    }
    const [, by, , rest, end] = RESUMED.exec(line) ?? [];
    const begun = by === undefined ? undefined : open.get(by);
    if (begun !== undefined) {
      calls.push(call(begun.name, begun.text + (rest as string), begun.began, at, end as string));
      return;
    }
    const [, , name, text, result] = WHOLE.exec(line) ?? [];
    if (name !== undefined) calls.push(call(name, text as string, at, at, result as string));
  });
  return calls.sort((a, b) => a.began - b.began);
}

function call(name: string, text: string, began: number, ended: number, result: string): SystemCall {
  const hex = [...text.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, string]) => string).join("");
  return { name, text, bytes: Buffer.from(hex.replaceAll("\\x", ""), "hex"), began, ended, result: Number(result) };
}
