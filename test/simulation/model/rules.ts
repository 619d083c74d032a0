/** Rules of docs/protocol.md that can be looked at whenever something touches a device or is committed. */
import type { AgentRecord } from "@sanlab/controller/records.ts";
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, segmentOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { Exclusion } from "node-iscsi-target/storage/block-device.ts";
import { Violation } from "../engine/violation.ts";
import type { SimProcess } from "../world/sim-agent.ts";
import { SEGMENT_BLOCKS } from "../world/sim-disk.ts";
import type { DurableTables } from "./durable-tables.ts";
import type { Failures } from "./failures.ts";
import { FORMER } from "./restores.ts";

/** What a host's I/O is about, found again at the device by the buffer or the options that came along. */
export interface IoContext {
  readonly table: string;
  /** The logical unit that it goes to. */
  readonly unit: string;
  /** Virtual blocks in the order of the buffer. */
  readonly blocks: readonly number[];
  /** Who writes, where reservations count. */
  readonly initiator?: string;
}

/** System calls of an agent on a storage device. */
export interface DeviceIo {
  readonly kind: "read" | "write" | "zero";
  readonly process: SimProcess;
  readonly path: string;
  /** Blocks of the device. */
  readonly first: number;
  readonly count: number;
  /** Virtual block that the first one is; undefined for zeros, which carry no buffer. */
  readonly context: Pick<IoContext, "table" | "unit" | "initiator"> & { readonly block: number | undefined };
}

/** Segments of a table that a command of a logical unit has to itself. */
export interface Excluded {
  readonly process: SimProcess;
  readonly table: string;
  readonly unit: string;
  readonly segments: readonly number[];
  readonly exclusion: Exclusion;
}

const UNUSABLE = EntryState.ERROR | EntryState.INVALID | EntryState.ZERO;

export class Rules {
  readonly #durable: DurableTables;
  readonly #failures: Failures;
  readonly #processes: () => readonly SimProcess[];
  readonly #underWay = new Set<DeviceIo>();
  /** Ranges of devices that are being copied from. */
  readonly #copied = new Set<{ readonly path: string; readonly first: number; readonly count: number }>();
  /** With those of the segments that lie somewhere. */
  readonly #excluded = new Map<Excluded, readonly number[]>();
  /** Who was preempted, as `unit initiator`. */
  readonly #thrownOut = new Set<string>();

  constructor(durable: DurableTables, failures: Failures, processes: () => readonly SimProcess[]) {
    this.#durable = durable;
    this.#failures = failures;
    this.#processes = processes;
  }

  get underWay(): ReadonlySet<DeviceIo> {
    return this.#underWay;
  }

  /** A system call begins. */
  issued(io: DeviceIo): void {
    if (!io.process.mayServe) throw new Violation("lease", `${name(io)} is issued without one`);
    this.#checkAccess(io, "is issued");
    const { table, block } = io.context;
    if (block !== undefined) {
      const segment = Math.floor(block / SEGMENT_BLOCKS);
      this.#failures.checkPassed(table, [segment], Number.POSITIVE_INFINITY, name(io));
    }
    this.#checkReservation(io, "is issued");
    for (const copied of this.#copied) if (io.kind !== "read" && meet(io, copied)) throw writtenWhileCopied(io);
    for (const excluded of this.#excluded.keys()) this.#checkExclusion(excluded, io);
    this.#underWay.add(io);
  }

  /** A process has segments to itself from now on. */
  excluded(excluded: Excluded): void {
    this.#excluded.set(excluded, this.#located(excluded));
    for (const io of this.#underWay) this.#checkExclusion(excluded, io);
  }

  readmitted(excluded: Excluded): void {
    this.#excluded.delete(excluded);
  }

  /** He was preempted, and whoever did that was told so. */
  threwOut(unit: string, initiator: string): void {
    this.#thrownOut.add(`${unit} ${initiator}`);
    for (const io of this.#underWay) this.#checkReservation(io, "is under way");
  }

  letIn(unit: string, initiator: string): void {
    this.#thrownOut.delete(`${unit} ${initiator}`);
  }

  #checkReservation(io: DeviceIo, when: string): void {
    const { unit, initiator } = io.context;
    if (initiator !== undefined && this.#thrownOut.has(`${unit} ${initiator}`))
      throw new Violation("reservation", `${name(io)} ${when}, but ${initiator} was preempted`);
  }

  /** It has ended, or its process has. */
  ended(io: DeviceIo): void {
    this.#underWay.delete(io);
  }

  committed(transaction: Transaction): void {
    const completed = this.#durable.completedBy(transaction);
    this.#durable.changed(transaction);
    for (const { table, segment } of completed) this.#checkAlone(table, segment);
    for (const record of agentsIn(transaction)) this.#checkOnRecord(record);
    for (const [excluded, located] of this.#excluded) this.#checkUnmapped(excluded, located, transaction);
    for (const io of this.#underWay) if (io.kind !== "read") this.#checkAccess(io, "is under way as this is committed");
  }

  /** The controller copies from here; nobody may write meanwhile (rule 4). @returns what ends it */
  copying(path: string, first: number, count: number): () => void {
    const copied = { path, first, count };
    for (const io of this.#underWay) if (io.kind !== "read" && meet(io, copied)) throw writtenWhileCopied(io);
    this.#copied.add(copied);
    return () => void this.#copied.delete(copied);
  }

  /** The controller has died, and copies no more. */
  controllerDied(): void {
    this.#copied.clear();
  }

  /** The controller is about to put something else into a place: nobody may have it any more (rules 2 and 3). */
  erased(path: string, first: number, count: number): void {
    for (const io of this.#underWay) {
      if (meet(io, { path, first, count }))
        throw new Violation(
          "rule 2",
          `${name(io)} is under way as the controller overwrites ${first}+${count} of ${path}`,
        );
    }
    for (let at = first; at < first + count; at += SEGMENT_BLOCKS)
      this.#checkUnknown(path, Math.floor(at / SEGMENT_BLOCKS));
  }

  #checkUnknown(path: string, segment: number): void {
    const held = this.#heldAt(path, segment)[0];
    if (held !== undefined)
      throw new Violation(
        "rule 2",
        `the controller overwrites segment ${segment} of ${path} while ${held.process} has it as segment ${held.segment} of ${held.table}`,
      );
  }

  /** Step 560 is on record as complete: nobody goes by what the other disks had at the place that the faulting one keeps. */
  #checkAlone(table: string, segment: number): void {
    const place = this.#durable.entry(table, segment);
    if (place === undefined) return;
    const { path, segment: at } = place;
    const range = { path, first: at * SEGMENT_BLOCKS, count: SEGMENT_BLOCKS };
    const held = this.#heldAt(path, at).find((other) => other.table !== table);
    const io = [...this.#underWay].find((other) => other.context.table !== table && meet(other, range));
    const who = held === undefined ? io && name(io) : `an entry of ${held.table} at ${held.process}`;
    if (who !== undefined)
      throw new Violation("step 560", `it is said to be complete for segment ${segment} of ${table}, but for ${who}`);
  }

  /** Grants are on record until the agent has nothing under way by them: what is not on record is not waited for (rule 2). */
  #checkOnRecord(record: AgentRecord): void {
    const { process, tables, ended } = record;
    if (ended) return this.#checkEnded(record);
    for (const io of this.#underWay)
      if (io.process.pid === process?.pid && io.context.block !== undefined && !tables.includes(io.context.table))
        throw new Violation("rule 2", `${name(io)} is under way, but the table is taken off the agent's record`);
  }

  /** Nobody waits any more for an agent that is over on record: it is dead, or has no lease by its own clock, or has nothing (Lost agents). */
  #checkEnded({ name: agent, incarnation }: AgentRecord): void {
    const alive = this.#processes().find(
      ({ core, told }) => core.options.name === agent && told.incarnation === incarnation,
    );
    if (alive?.mayServe && alive.core.tables.size > 0)
      throw new Violation("fencing", `${alive.name} is said to be over, but is alive and may serve its hosts`);
  }

  /** An agent is told something of a table: all that others had of it before this epoch is forgotten by then. */
  told(table: string, epoch: number): void {
    for (const process of this.#processes()) {
      if (process.epoch >= epoch || !process.mayServe) continue;
      const copy = process.core.tables.get(table)?.table;
      const known = copy && [...process.lab.touchedSegments(table)].find((at) => (copy.word0(at) & UNUSABLE) === 0);
      if (known !== undefined)
        throw new Violation(
          "epoch",
          `an agent is told of ${table} in epoch ${epoch}, while ${process.name} goes by what it had of segment ${known} in epoch ${process.epoch}`,
        );
    }
  }

  /** Who has no lease does nothing by what it has. */
  #heldAt(path: string, segment: number): { process: string; table: string; segment: number }[] {
    const serving = this.#processes().filter(({ mayServe }) => mayServe);
    return serving.flatMap((process) =>
      entriesAt(process, path, segment).map((held) => ({ process: process.name, ...held })),
    );
  }

  /** COMPARE AND WRITE is atomic against every command on every path and through every table, as long as its process lives and has not heard otherwise. Those of its own unit its task set keeps off, which is not here. */
  #checkExclusion({ process, table, unit, segments, exclusion }: Excluded, io: DeviceIo): void {
    const { block } = io.context;
    if (io.context.table !== table || block === undefined) return;
    if (io.process === process && io.context.unit === unit) return;
    if (exclusion.cancelled || !process.isAlive || !process.mayServe) return;
    const segment = Math.floor(block / SEGMENT_BLOCKS);
    if (segments.includes(segment))
      throw new Violation(
        "exclusion",
        `${name(io)} is under way while ${process.name} has segment ${segment} to itself`,
      );
  }

  /** No unmap comes in between: what is zero now was so before, was only allocated ahead, is given up, or is what the disk was restored to. */
  #checkUnmapped(excluded: Excluded, located: readonly number[], { puts = [] }: Transaction): void {
    const { process, table, exclusion } = excluded;
    const now = this.#located(excluded);
    this.#excluded.set(excluded, now);
    if (exclusion.cancelled || !process.isAlive || !process.mayServe || !this.#durable.hasTable(table)) return;
    if (puts.some(([key]) => key.startsWith(FORMER))) return;
    const gone = located.find((segment) => !now.includes(segment) && !this.#durable.ahead.get(table)?.has(segment));
    // In one logical unit the task set, which is not here, keeps its own unmaps off.
    if (gone === undefined || process.core.tables.get(table)?.unmapping.references.isHeld(gone, 1)) return;
    if (!this.#durable.failing().some((failing) => failing === `${table}/${gone}`))
      throw new Violation("exclusion", `segment ${gone} is unmapped while ${process.name} has it to itself`);
  }

  #located({ table, segments }: Excluded): readonly number[] {
    return segments.filter((segment) => this.#durable.entry(table, segment) !== undefined);
  }

  /** Writes need an entry of the persistent tables that takes them (rules 1, 2, 4), reads one that was not given away (rule 3). */
  #checkAccess(io: DeviceIo, when: string): void {
    const segment = Math.floor(io.first / SEGMENT_BLOCKS);
    const { table, block } = io.context;
    if (block === undefined || io.kind === "read") return;
    const virtual = Math.floor(block / SEGMENT_BLOCKS);
    const entry = this.#durable.entry(table, virtual);
    if (entry === undefined || entry.path !== io.path || entry.segment !== segment)
      throw new Violation(
        "rule 2",
        `${name(io)} ${when}, but segment ${virtual} of ${table} ${entry === undefined ? "is zero" : `lies at ${entry.segment} of ${entry.path}`}`,
      );
    if (!entry.isPlain) throw new Violation("rule 4", `${name(io)} ${when}, but its entry takes no writes`);
    if (block % SEGMENT_BLOCKS !== io.first % SEGMENT_BLOCKS)
      throw new Violation("rule 2", `${name(io)} is at another place in its segment than virtual block ${block}`);
  }
}

function agentsIn({ puts = [] }: Transaction): AgentRecord[] {
  const agents = puts.filter(([key]) => key.startsWith("agent/"));
  return agents.map(([, value]) => JSON.parse(Buffer.from(value).toString()) as AgentRecord);
}

function meet(a: { path: string; first: number; count: number }, b: typeof a): boolean {
  return a.path === b.path && a.first < b.first + b.count && b.first < a.first + a.count;
}

function writtenWhileCopied(io: DeviceIo): Violation {
  return new Violation("rule 4", `${name(io)} writes what is being copied`);
}

function name({ kind, process, path, first, count, context }: DeviceIo): string {
  return `${kind} of blocks ${first}+${count} of ${path} by ${process.name} for ${context.table}`;
}

/** Entries of a process's copies that let I/O pass to a segment of a device. */
function entriesAt(process: SimProcess, path: string, segment: number): { table: string; segment: number }[] {
  const found: { table: string; segment: number }[] = [];
  for (const [table, { table: copy }] of process.core.tables) {
    for (const virtual of process.lab.touchedSegments(table)) {
      const word0 = copy.word0(virtual);
      if (word0 & UNUSABLE || segmentOf(word0) !== segment) continue;
      if (process.paths.get(deviceOf(copy.word1(virtual))) === path) found.push({ table, segment: virtual });
    }
  }
  return found;
}
