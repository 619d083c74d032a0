/** Everything that runs in a simulation, and the strings by which mischief pulls at it. */
import type { Transaction } from "@sanlab/controller/store/store.ts";
import type { AgentProcess } from "node-iscsi-target/mapping/protocol.ts";
import { Chance } from "../engine/chance.ts";
import { Scheduler } from "../engine/scheduler.ts";
import { Trace } from "../engine/trace.ts";
import { Violation } from "../engine/violation.ts";
import type { IoContext } from "../model/device-io.ts";
import { Model } from "../model/disks.ts";
import { DurableTables, pathsLeft } from "../model/durable-tables.ts";
import { Failures } from "../model/failures.ts";
import { GivenBack } from "../model/given-back.ts";
import { Losses } from "../model/losses.ts";
import { checkMoves } from "../model/moves.ts";
import { NewPlaces } from "../model/new-places.ts";
import { Restores } from "../model/restores.ts";
import { Rules } from "../model/rules.ts";
import { seenTo } from "../model/seen-to.ts";
import { type Carried, described, heard } from "./carried.ts";
import { type Config, drawConfig } from "./config.ts";
import type { Trouble } from "./disk-troubles.ts";
import { EXCUSE_MS, Excuses } from "./excuses.ts";
import { arriveLate } from "./late.ts";
import { Replays } from "./replays.ts";
import { SimProcess } from "./sim-agent.ts";
import { SimConnection } from "./sim-connection.ts";
import { SimController } from "./sim-controller.ts";
import { SEGMENT_BLOCKS, SimDisk } from "./sim-disk.ts";
import { SimStore } from "./sim-store.ts";
import { TroubleTimes } from "./trouble-times.ts";

/** What an agent waits before it tries to connect again (`agent/channel.ts`). */
const RETRY_MS = 250;

export class Lab {
  readonly trace = new Trace();
  readonly scheduler = new Scheduler(this.trace);
  readonly chance: Chance;
  readonly config: Config;
  readonly model = new Model();
  readonly store: SimStore;
  readonly durable: DurableTables;
  readonly failures: Failures;
  readonly restores: Restores;
  readonly losses: Losses;
  readonly rules: Rules;
  readonly controller = new SimController(this);
  readonly replays: Replays;
  readonly disks = new Map<string, SimDisk>();
  /** Running now, by the name of the agent. */
  readonly processes = new Map<string, SimProcess>();
  readonly connections = new Set<SimConnection>();
  /** What a host's buffers and options are about. */
  readonly contexts = new WeakMap<object, IoContext>();
  violation: Violation | undefined;
  /** Agents that are not started again, and a controller that is not. */
  isMischiefOver = false;
  fences = 0;
  /** A device that is opened again once somebody has seen to what failed syncs have lost there. */
  seenTo: { readonly device: number; readonly path: string } | undefined;
  /** Some device has been away, and what needs it may fail until it is opened again. */
  hasPulled = false;
  readonly givenBack: GivenBack;
  readonly #places: NewPlaces;
  readonly #partitions = new Map<string, number>();
  readonly #troubles = new TroubleTimes();
  readonly #stuckUntilMs = new Map<string, number>();
  readonly #excuses = new Excuses();
  #pids = 100;

  constructor(seed: number) {
    this.chance = new Chance(seed);
    this.config = drawConfig(this.chance);
    const { scheduler, chance, config } = this;
    this.store = new SimStore({
      scheduler,
      chance,
      immediate: config.immediateCommits,
      delayMs: config.storeMs,
      onCommit: (transaction) => this.guard(() => this.#committed(transaction)),
    });
    this.replays = new Replays(chance, (agent, direction, message) => arriveLate(this, agent, direction, message));
    this.durable = new DurableTables(this.store.entries);
    this.failures = new Failures(this.durable);
    this.restores = new Restores(this.model);
    this.losses = new Losses(this.model, this.durable);
    const processes = () => [...this.processes.values()];
    this.givenBack = new GivenBack(this.durable, this.disks, processes);
    this.rules = new Rules(this.durable, this.failures, processes);
    this.#places = new NewPlaces(this.durable, this.disks, this.rules);
  }

  #committed(transaction: Transaction): void {
    this.guard(() => seenTo(this, transaction));
    this.rules.committed(transaction);
    this.failures.committed(this.scheduler.tick());
    this.restores.committed(transaction, this.scheduler.tick());
    this.losses.committed(transaction, this.scheduler.tick());
    for (const path of pathsLeft(transaction)) this.disks.get(path)?.leaves();
    this.guard(() => checkMoves(this, transaction));
    this.guard(() => this.#places.committed(transaction));
    this.guard(() => this.givenBack.committed(transaction));
  }

  // --- What went wrong -------------------------------------------------------------------------

  /** The first violation ends the run. */
  fail(violation: Violation): void {
    this.violation ??= violation;
  }
  bug(who: string, error: unknown): void {
    this.fail(new Violation("bug", `${who}: ${error instanceof Error ? error.stack : String(error)}`));
  }
  readonly guard = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      if (error instanceof Violation) this.fail(error);
      else this.bug("simulator", error);
    }
  };
  watch(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.bug("controller", error));
  }

  // --- Devices ---------------------------------------------------------------------------------

  addDisk(path: string, segments: number, old: number): SimDisk {
    const disk = new SimDisk(path, segments, old);
    this.disks.set(path, disk);
    return disk;
  }

  diskDelay(path: string): number {
    const stuckMs = Math.max(0, (this.#stuckUntilMs.get(path) ?? 0) - this.scheduler.nowMs);
    return stuckMs + this.chance.delay(this.config.diskMs);
  }

  /** Something there has become unreadable, and is again when it is written or the time is over. */
  spoil(path: string, block: number, ms: number): void {
    const { bad } = this.disks.get(path) as SimDisk;
    bad.add(block);
    this.#troubles.began("badBlock");
    this.scheduler.after(ms, () => {
      bad.delete(block);
      this.#troubles.over("badBlock", this.scheduler.tick());
    });
  }

  /** A device is not there for a while: who has it open goes on, and nobody opens it. */
  pull(path: string, ms: number): void {
    const disk = this.disks.get(path) as SimDisk;
    if (disk.isPulled) return;
    disk.isPulled = true;
    this.hasPulled = true;
    this.scheduler.note(`${path} is away`);
    this.scheduler.after(ms, () => this.#putBack(disk));
  }

  #putBack(disk: SimDisk): void {
    if (!disk.isPulled) return;
    disk.isPulled = false;
    this.scheduler.note(`${disk.path} is there again`);
  }

  /** Calls on a device fail for a while. */
  trouble(path: string, kind: Trouble, ms: number): void {
    const { troubles } = this.disks.get(path) as SimDisk;
    if (troubles.has(kind)) return;
    troubles.add(kind);
    this.#troubles.began(kind);
    this.scheduler.after(ms, () => this.#endTrouble(path, kind));
  }

  endTroubles(): void {
    for (const disk of this.disks.values()) this.#putBack(disk);
    for (const { path, troubles } of this.disks.values())
      for (const kind of [...troubles]) this.#endTrouble(path, kind);
  }

  #endTrouble(path: string, kind: Trouble): void {
    if (this.disks.get(path)?.troubles.delete(kind) === true) this.#troubles.over(kind, this.scheduler.tick());
  }

  /** Somebody opens a device. What a sync has lost nobody can know of whom everybody has died that was there, before it was on record. */
  opens(disk: SimDisk): void {
    if (!disk.isForgotten || this.durable.isUnsynced(disk.path)) return;
    this.scheduler.note(`nobody is left who knows that a sync of ${disk.path} has failed`);
    disk.mend();
  }

  /** How far each device was written, by path. */
  orders(): Map<string, number> {
    return new Map([...this.disks].map(([path, { order }]) => [path, order]));
  }

  /** Until which tick some device may have been in such trouble, or had a block that could not be read. */
  troubledUntil(kind: Trouble | "badBlock"): number {
    return this.#troubles.until(kind);
  }

  stick(path: string, ms: number): void {
    this.#stuckUntilMs.set(path, this.scheduler.nowMs + ms);
    for (const name of this.processes.keys()) this.excuse(name, ms);
  }

  /** Virtual segments of a table that any host ever touched. */
  touchedSegments(table: string): Set<number> {
    const blocks = this.model.disks.get(table)?.blocks.keys() ?? [];
    const written = [...blocks].map((block) => Math.floor(block / SEGMENT_BLOCKS));
    return new Set([...written, ...(this.durable.ahead.get(table) ?? [])]);
  }

  // --- Agents ----------------------------------------------------------------------------------

  startAgent(name: string): void {
    if (this.processes.has(name)) return;
    this.#pids += 1;
    const process = new SimProcess(this, name, this.#pids);
    this.processes.set(name, process);
    this.scheduler.note(`${process.name} starts`);
    this.#connect(process);
  }

  /** Its supervisor starts another. */
  died(process: SimProcess): void {
    const name = process.core.options.name;
    this.processes.delete(name);
    this.excuse(name, EXCUSE_MS);
    this.scheduler.after(this.chance.between(1, 1000), () => this.startAgent(name));
  }

  /** The controller goes on without a process, which is to be killed: it must have a reason. */
  condemned(agent: AgentProcess): void {
    const process = this.#running(agent);
    if (process === undefined) return;
    const name = process.core.options.name;
    if (!this.#excuses.covers(name, this.scheduler.nowMs))
      this.fail(new Violation("fencing", `${process.name} was killed though nothing had kept it from answering`));
  }

  fenced(agent: AgentProcess): void {
    const process = this.#running(agent);
    if (process === undefined) return;
    this.fences += 1;
    this.scheduler.note(`${process.name} is fenced`);
    process.kill();
  }

  #running({ pid }: AgentProcess): SimProcess | undefined {
    return [...this.processes.values()].find((running) => running.pid === pid);
  }

  /** It may be taken for dead for a while, since something keeps it from answering for so long. */
  excuse(name: string, ms: number): void {
    this.#excuses.hindered(name, ms, this.scheduler.nowMs);
  }

  // --- Network ---------------------------------------------------------------------------------

  partition(name: string, ms: number): void {
    this.#partitions.set(name, this.scheduler.nowMs + ms);
    this.excuse(name, ms);
    // Its end is looked for also where nothing else happens until then.
    this.scheduler.after(ms, () => this.scheduler.note(`${name} can be reached again`));
  }

  partitionedUntilMs(process: SimProcess): number {
    return this.#partitions.get(process.core.options.name) ?? 0;
  }

  #connect(process: SimProcess): void {
    this.scheduler.after(this.chance.delay(this.config.networkMs), () =>
      process.deliver(() => {
        const { life } = this.controller;
        const isReachable = life?.core !== undefined && this.partitionedUntilMs(process) <= this.scheduler.nowMs;
        if (isReachable) new SimConnection(this, process, life);
        else this.scheduler.after(RETRY_MS, () => this.#connect(process));
      }),
    );
  }

  disconnected(connection: SimConnection): void {
    const { process } = connection;
    if (process.connection !== connection) return;
    process.connection = undefined;
    process.core.disconnected();
    this.excuse(process.core.options.name, RETRY_MS);
    this.scheduler.after(RETRY_MS, () => this.#connect(process));
  }

  arriveDown(process: SimProcess, message: Carried): void {
    this.scheduler.note(`${process.name} ← ${described(message)}`);
    this.guard(() => process.hears(heard(message)));
  }
}
