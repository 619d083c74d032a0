import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { STATE_FILES } from "../state/layout.ts";
import { UserError } from "../user-error.ts";
import { Daemon, type DaemonState, endProcess } from "./daemon.ts";
import { type MarkedProcess, markedProcesses } from "./marked.ts";
import { type DaemonRecord, type DaemonSpec, readDaemons, writeDaemons } from "./records.ts";

const ORPHAN_TIMEOUT_MS = 5_000;

export interface SupervisorOptions {
  readonly stateDirectory: string;
  readonly stateId: string;
  readonly log: (message: string, details: object) => void;
}

export interface DaemonStatus {
  readonly name: string;
  /** Null while it does not run. */
  readonly pid: number | null;
  readonly state: DaemonState;
  readonly restarts: number;
  /** How its last process ended: "signal SIGKILL", "exit code 1"; null as long as none has. */
  readonly lastEnd: string | null;
}

/**
 * Keeps a lab's daemons alive. What is to run is in `processes.json` before it runs, and processes outlive this one:
 * a supervisor that is started after another was killed finds them again.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #daemons = new Map<string, Daemon>();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Takes over what an earlier supervisor left: live daemons are adopted, dead ones started, others' ended. */
  async resume(): Promise<void> {
    const [records, marked] = await Promise.all([
      readDaemons(this.#options.stateDirectory),
      markedProcesses(this.#options.stateId),
    ]);
    for (const record of records) this.#daemons.set(record.name, this.#daemon(record));
    const keepers = new Map(records.map((record) => [record.name, liveProcess(record, marked)]));
    const orphans = marked.filter((process) => keepers.get(process.daemon)?.identity.pid !== process.identity.pid);
    // As an array is without power when all of it stands still (SPC-4 5.13.5).
    if (marked.length === 0) await writeFile(join(this.#options.stateDirectory, STATE_FILES.power), randomUUID());
    await Promise.all(orphans.map(({ identity }) => endProcess(identity, ORPHAN_TIMEOUT_MS)));
    await Promise.all([...this.#daemons].map(([name, daemon]) => daemon.start(keepers.get(name)?.identity)));
  }

  get stateDirectory(): string {
    return this.#options.stateDirectory;
  }

  list(): DaemonStatus[] {
    return [...this.#daemons.values()].map((daemon) => daemon.status);
  }

  /** Starts a daemon and keeps it alive; nothing happens where one of this name runs with the same arguments. */
  async put(spec: DaemonSpec): Promise<void> {
    const present = this.#daemons.get(spec.name);
    if (present !== undefined && present.spec.args.join("\0") === spec.args.join("\0")) return;
    await present?.stop();
    const daemon = this.#daemon(spec);
    this.#daemons.set(spec.name, daemon);
    await this.#write();
    await daemon.start();
  }

  /** Ends a daemon for good; nothing happens where there is none. */
  async remove(name: string): Promise<void> {
    const daemon = this.#daemons.get(name);
    if (daemon === undefined) return;
    await daemon.stop();
    this.#daemons.delete(name);
    await this.#write();
  }

  async signal(name: string, signal: NodeJS.Signals): Promise<void> {
    const daemon = this.#daemons.get(name);
    if (daemon === undefined) throw new UserError("SUPERVISOR", `No daemon '${name}' is kept here.`);
    await daemon.signal(signal);
  }

  /** Ends all daemons, the last started first, so that agents go before their controller. They are started again by `resume`. */
  async stopAll(): Promise<void> {
    const daemons = [...this.#daemons.values()];
    const agents = daemons.slice(1).reverse();
    await Promise.all(agents.map((daemon) => daemon.stop()));
    await daemons[0]?.stop();
    await this.#note();
  }

  #daemon(spec: DaemonSpec): Daemon {
    const onChange = () => this.#note();
    return new Daemon({ name: spec.name, args: spec.args }, { ...this.#options, onChange });
  }

  /** Records what has happened already. Where the disk is full it stays unrecorded: `resume` finds live daemons by their mark. */
  async #note(): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      this.#options.log("the daemons could not be recorded", { error: String(error) });
    }
  }

  /** One after another, each with the newest state. */
  #write(): Promise<void> {
    const records = () => [...this.#daemons.values()].map((daemon) => daemon.record);
    const write = async () => {
      try {
        await writeDaemons(this.#options.stateDirectory, records());
      } catch (error) {
        // The state directory was removed: then nobody needs to know, and it must not come back.
        if (errorCode(error) !== "ENOENT") throw error;
      }
    };
    this.#writing = this.#writing.then(write, write);
    return this.#writing;
  }
}

/** The process of a daemon that is still alive: the recorded one, else the one that bears its mark. */
function liveProcess(record: DaemonRecord, marked: readonly MarkedProcess[]): MarkedProcess | undefined {
  const own = marked.filter(({ daemon }) => daemon === record.name);
  const isRecorded = ({ identity }: MarkedProcess) =>
    identity.pid === record.process?.pid && identity.startTicks === record.process.startTicks;
  return own.find(isRecorded) ?? own[0];
}
