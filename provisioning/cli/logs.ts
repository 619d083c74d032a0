import { open, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { RUN_FILES } from "@sanlab/vm";
import { tailLines } from "@sanlab/vm/console.ts";
import { errorCode } from "../errors.ts";
import { readHostRecords } from "../hosts/record.ts";
import { didYouMean } from "../lab/suggestion.ts";
import { hostRunDirectory, STATE_FILES } from "../state/layout.ts";
import { UserError } from "../user-error.ts";
import { table, write } from "./output.ts";
import type { VerbContext } from "./verb.ts";

const FOLLOW_MS = 200;

interface Log {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

export async function showLogs(
  context: VerbContext,
  name: string | undefined,
  options: { lines: number; follow?: boolean },
): Promise<void> {
  const logs = await findLogs(context.state);
  if (name === undefined) {
    await context.print(logs, () =>
      table(
        ["LOG", "BYTES", "FILE"],
        logs.map((log) => [log.name, log.bytes, log.path]),
      ),
    );
    return;
  }
  const log = chosen(logs, name);
  const lines = await tailLines(log.path, options.lines);
  await context.print({ ...log, lines }, () => (lines.length === 0 ? "Nothing was logged so far." : lines.join("\n")));
  if (options.follow === true && !context.json) await follow(log.path, context.signal);
}

/** "a" stands for "agent-a" or "host-a", where only one of them is there. */
function chosen(logs: readonly Log[], name: string): Log {
  const exact = logs.find((log) => log.name === name);
  if (exact !== undefined) return exact;
  const short = logs.filter((log) => log.name === `agent-${name}` || log.name === `host-${name}`);
  if (short.length === 1 && short[0] !== undefined) return short[0];
  const names = logs.map((log) => log.name);
  const known = names.length === 0 ? "there are none yet" : `there are ${names.join(", ")}`;
  const sentence =
    short.length > 1
      ? `Both an agent and a host are called '${name}': say ${short.map((log) => log.name).join(" or ")}.`
      : `There is no log '${name}' (${known})${didYouMean(name, names) || "."}`;
  throw new UserError("REFUSED", sentence);
}

async function findLogs(state: string): Promise<Log[]> {
  const directory = join(state, STATE_FILES.logs);
  const files = (await namesIn(directory)).filter((file) => file.endsWith(".log")).map((file) => join(directory, file));
  const daemons = files.map((path) => ({ name: basename(path, ".log"), path }));
  const hosts = (await readHostRecords(state)).map(({ name }) => ({
    name: `host-${name}`,
    path: join(hostRunDirectory(state, name), RUN_FILES.consoleLog),
  }));
  const logs = await Promise.all(
    [...daemons, ...hosts].map(async (log) => ({ ...log, bytes: await sizeOf(log.path) })),
  );
  return logs.flatMap(({ bytes, ...log }) => (bytes === undefined ? [] : [{ ...log, bytes }]));
}

/** Prints what is appended, also after the log was cut. */
async function follow(path: string, signal: AbortSignal): Promise<void> {
  for (let at = (await sizeOf(path)) ?? 0; !signal.aborted; ) {
    const size = (await sizeOf(path)) ?? 0;
    if (size < at) at = 0;
    if (size > at) {
      await using file = await open(path);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size - at, 1 << 20)), 0, undefined, at);
      await write(process.stdout, buffer.toString("utf8", 0, bytesRead));
      at += bytesRead;
    }
    await delay(FOLLOW_MS);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
