/** The process that keeps a lab's daemons alive: `node main.ts STATE-DIRECTORY`, started by `sanlab up`. */
import { once } from "node:events";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import pino from "pino";
import { Exclusive, takeExclusive } from "../state/exclusive.ts";
import { readLabRecord } from "../state/lab-record.ts";
import { logFile, STATE_FILES } from "../state/layout.ts";
import { watchHosts } from "./host-watch.ts";
import { boundLogs } from "./log-files.ts";
import { controlServer } from "./server.ts";
import { Supervisor } from "./supervisor.ts";

const HOUSEKEEPING_MS = 2_000;

const state = process.argv[2] ?? process.cwd();
// Sockets have short names in the working directory, wherever it lies (unix(7): 108 bytes).
process.chdir(state);
const use = await takeExclusive(Exclusive.SUPERVISOR, state);
if (use === undefined) refuse(`a supervisor is at work on ${state} already`);
const record = (await readLabRecord(state)) ?? refuse(`${state} is not a lab's state directory`);

const logger = pino({ base: null }, pino.destination({ dest: logFile(state, "supervisor"), append: true, sync: true }));
const log = (message: string, details: object) => logger.info(details, message);
const supervisor = new Supervisor({ stateDirectory: state, stateId: record.id, log });
log("supervisor started", { pid: process.pid });

await rm(STATE_FILES.supervisorSocket, { force: true });
await supervisor.resume();
const server = controlServer(supervisor, () => end("it was told to"));
server.listen(STATE_FILES.supervisorSocket);
await once(server, "listening");

const hosts = watchHosts(state, log);
const timer = setInterval(() => void keepHouse(), HOUSEKEEPING_MS);
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => void supervisor.stopAll().then(() => end(signal)));
}

async function keepHouse(): Promise<void> {
  try {
    if (!(await isThere(join(state, STATE_FILES.lab)))) {
      // Somebody removed the state directory: its tables are gone, and so is all use of the daemons.
      await supervisor.stopAll();
      end("the state directory is gone");
      return;
    }
    await Promise.all([boundLogs(state), hosts.look()]);
  } catch (error) {
    logger.error({ error: String(error) }, "housekeeping failed");
  }
}

function end(reason: string): void {
  clearInterval(timer);
  log("supervisor ended", { reason });
  process.exit(0);
}

function refuse(reason: string): never {
  process.stderr.write(`sanlab: The supervisor does not start: ${reason}.\n`);
  process.exit(1);
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
