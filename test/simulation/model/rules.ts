/** Rules of docs/protocol.md that can be looked at whenever something touches a device or is committed. */
import type { AgentRecord } from "@sanlab/controller/records.ts";
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, segmentOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { Unhold } from "node-iscsi-target/mapping/messages/exclusions.ts";
import { Violation } from "../engine/violation.ts";
import type { SimProcess } from "../world/sim-agent.ts";
import { SEGMENT_BLOCKS } from "../world/sim-disk.ts";
import { type DeviceIo, name } from "./device-io.ts";
import type { DurableTables } from "./durable-tables.ts";
import { ExclusionRules } from "./exclusions.ts";
import type { Failures } from "./failures.ts";
import { Unmaps } from "./unmaps.ts";

const UNUSABLE = EntryState.ERROR | EntryState.INVALID | EntryState.ZERO;

export class Rules {
  readonly #durable: DurableTables;
  readonly #failures: Failures;
  readonly #processes: () => readonly SimProcess[];
  readonly #underWay = new Set<DeviceIo>();
  readonly exclusions: ExclusionRules;
  readonly unmaps = new Unmaps();
  /** Ranges of devices that are being copied from. */
  readonly #copied = new Set<{ readonly path: string; readonly first: number; readonly count: number }>();
  /** Who was preempted, as `unit initiator`. */
  readonly #thrownOut = new Set<string>();

  constructor(durable: DurableTables, failures: Failures, processes: () => readonly SimProcess[]) {
    this.#durable = durable;
    this.#failures = failures;
    this.#processes = processes;
    this.exclusions = new ExclusionRules(durable, processes, this.#underWay);
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
    this.exclusions.issued(io);
    this.#underWay.add(io);
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
    for (const { table, segment } of completed) this.checkAlone(table, segment);
    for (const record of agentsIn(transaction)) this.#checkOnRecord(record);
    this.exclusions.committed(transaction);
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

  /** Step 560 is on record as complete, or there is none: nobody goes by what the other disks had at the place that the faulting one keeps. */
  checkAlone(table: string, segment: number): void {
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

  /** A hold of an earlier epoch is over: nobody has the segments to himself any more who had them in that epoch. */
  unheld({ table, hold, epoch }: Unhold): void {
    if (hold === "" || Number.parseInt(hold, 10) >= epoch) return;
    const before = this.#processes().find(
      (process) => process.epoch < epoch && process.mayServe && process.core.tables.has(table),
    );
    if (before !== undefined)
      throw new Violation("epoch", `hold ${hold} of ${table} ends, while ${before.name} goes on in ${before.epoch}`);
  }

  /** Who has no lease does nothing by what it has. */
  #heldAt(path: string, segment: number): { process: string; table: string; segment: number }[] {
    const serving = this.#processes().filter(({ mayServe }) => mayServe);
    return serving.flatMap((process) =>
      entriesAt(process, path, segment).map((held) => ({ process: process.name, ...held })),
    );
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
