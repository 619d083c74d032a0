/** Segments that one command has to itself, as COMPARE AND WRITE has: looked at with every system call and every commit. */
import type { Transaction } from "@sanlab/controller/store/store.ts";
import type { Exclusion } from "node-iscsi-target/storage/block-device.ts";
import { Violation } from "../engine/violation.ts";
import type { SimProcess } from "../world/sim-agent.ts";
import { SEGMENT_BLOCKS } from "../world/sim-disk.ts";
import { type DeviceIo, name } from "./device-io.ts";
import type { DurableTables } from "./durable-tables.ts";
import { FORMER } from "./restores.ts";

/** Segments of a table that a command of a logical unit has to itself. */
export interface Excluded {
  readonly process: SimProcess;
  readonly table: string;
  readonly unit: string;
  readonly segments: readonly number[];
  readonly exclusion: Exclusion;
}

export class ExclusionRules {
  readonly #durable: DurableTables;
  readonly #processes: () => readonly SimProcess[];
  readonly #underWay: ReadonlySet<DeviceIo>;
  /** With those of the segments that lie somewhere. */
  readonly #excluded = new Map<Excluded, readonly number[]>();

  constructor(durable: DurableTables, processes: () => readonly SimProcess[], underWay: ReadonlySet<DeviceIo>) {
    this.#durable = durable;
    this.#processes = processes;
    this.#underWay = underWay;
  }

  /** A process has segments to itself from now on; or has lost them again as it waited for what it had under way there itself. */
  excluded(excluded: Excluded): void {
    if (excluded.exclusion.cancelled) return;
    for (const other of this.#excluded.keys()) this.#checkApart(excluded, other);
    this.#excluded.set(excluded, this.#located(excluded));
    for (const io of this.#underWay) this.#checkExclusion(excluded, io);
  }

  /** Those of one process wait for each other there. */
  #checkApart({ process, table, segments }: Excluded, other: Excluded): void {
    if (other.table !== table || other.process === process) return;
    if (other.exclusion.cancelled || !other.process.isAlive || !other.process.mayServe) return;
    const both = segments.find((segment) => other.segments.includes(segment));
    if (both !== undefined)
      throw new Violation(
        "exclusion",
        `${process.name} and ${other.process.name} both have segment ${both} of ${table} to themselves`,
      );
  }

  readmitted(excluded: Excluded): void {
    this.#excluded.delete(excluded);
  }

  issued(io: DeviceIo): void {
    for (const excluded of this.#excluded.keys()) this.#checkExclusion(excluded, io);
    this.#checkAccompanied(io);
  }

  committed(transaction: Transaction): void {
    for (const [excluded, located] of this.#excluded) this.#checkUnmapped(excluded, located, transaction);
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

  /** Who is alone with a table asks nobody for what he does alone. */
  #checkAccompanied({ process, context: { table } }: DeviceIo): void {
    for (const other of this.#processes())
      if (other !== process && other.mayServe && other.acknowledgements.isAloneWith(table))
        throw new Violation("exclusion", `${process.name} has I/O to ${table}, with which ${other.name} is alone`);
  }

  /** No unmap comes in between: what is zero now was so before, was only allocated ahead, is given up, or is what the disk was restored to. */
  #checkUnmapped(excluded: Excluded, located: readonly number[], { puts = [] }: Transaction): void {
    const { process, table, exclusion } = excluded;
    const now = this.#located(excluded);
    this.#excluded.set(excluded, now);
    if (exclusion.cancelled || !process.isAlive || !process.mayServe || !this.#durable.hasTable(table)) return;
    if (puts.some(([key]) => key.startsWith(FORMER))) return;
    const gone = located.find((segment) => !now.includes(segment) && !this.#wasAhead(segment));
    // In one logical unit the task set, which is not here, keeps its own unmaps off.
    if (gone === undefined || process.core.tables.get(table)?.unmapping.references.isHeld(gone, 1)) return;
    if (!this.#durable.failing().some((failing) => failing === `${table}/${gone}`))
      throw new Violation("exclusion", `segment ${gone} is unmapped while ${process.name} has it to itself`);
  }

  /** It may be a snapshot's of the table that it was allocated ahead for. */
  #wasAhead(segment: number): boolean {
    return this.#durable.ahead.values().some((segments) => segments.has(segment));
  }

  #located({ table, segments }: Excluded): readonly number[] {
    return segments.filter((segment) => this.#durable.entry(table, segment) !== undefined);
  }
}
