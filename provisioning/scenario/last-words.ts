/** The ends of the logs of a lab's guests and daemons, for the report of what failed. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { readConsoleTail } from "@sanlab/vm";
import { tailLines } from "@sanlab/vm/console.ts";
import { errorCode } from "../errors.ts";
import { readHostRecords } from "../hosts/record.ts";
import { hostProcessName, hostRunDirectory, STATE_FILES } from "../state/layout.ts";

export interface Words {
  /** "host-web", "agent-a", "controller", as `sanlab logs` names them. */
  readonly log: string;
  readonly lines: readonly string[];
}

const CONSOLE_LINES = 40;
const DAEMON_LINES = 20;

export async function lastWords(state: string): Promise<Words[]> {
  const hosts = (await readHostRecords(state)).map(async ({ name }) => ({
    log: hostProcessName(name),
    lines: await readConsoleTail(hostRunDirectory(state, name), CONSOLE_LINES),
  }));
  const directory = join(state, STATE_FILES.logs);
  const daemons = (await logsIn(directory)).map(async (file) => ({
    log: basename(file, ".log"),
    lines: await tailLines(join(directory, file), DAEMON_LINES),
  }));
  return (await Promise.all([...hosts, ...daemons])).filter(({ lines }) => lines.length > 0);
}

async function logsIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => name.endsWith(".log")).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
