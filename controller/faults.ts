/**
 * Faults and unmaps of one disk, one batch after another, so that operations on a location are
 * serialised (`spec.md`, First write; rules 1, 2, 3, 11).
 */
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";
import { statesOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { Fault, Unmap } from "node-iscsi-target/mapping/protocol.ts";
import type { AgentSession } from "./agents/agent-session.ts";
import type { Location } from "./allocator.ts";
import type { DiskRecord } from "./records.ts";
import type { Space } from "./space.ts";

/** DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT (SBC-4 4.7.3.6). */
const POOL_FULL = { senseKey: 0x7, asc: 0x27, ascq: 0x07 } as const;

type Request = { readonly session: AgentSession; readonly message: Fault | Unmap };

export class DiskFaults {
  readonly #space: Space;
  readonly #disk: () => DiskRecord | undefined;
  readonly #onBug: (error: unknown) => void;
  #waiting: Request[] = [];
  #running: Promise<void> | undefined;

  constructor(space: Space, disk: () => DiskRecord | undefined, onBug: (error: unknown) => void) {
    this.#space = space;
    this.#disk = disk;
    this.#onBug = onBug;
  }

  push(session: AgentSession, message: Fault | Unmap): void {
    this.#waiting.push({ session, message });
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
    });
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      for (const request of batch) {
        try {
          await this.#answer(request);
        } catch (error) {
          this.#onBug(error);
        }
      }
    }
  }

  async #answer({ session, message }: Request): Promise<void> {
    await this.#space.agents.settled(message.table);
    const disk = this.#disk();
    if (disk === undefined || session.fenced) return;
    if (message.type === "unmap") return this.#unmap(session, message, disk);
    const full = message.access === "write" && !(await this.#map(disk, message));
    if (!full) await this.#sendChunks(session, message, disk);
    const outcome = full ? POOL_FULL : "retry";
    void session.deliver({ type: "fault_response", table: message.table, fault: message.fault, outcome });
  }

  /** Entries that the agent lacks; those it has stay as they are there. */
  async #sendChunks(session: AgentSession, { table, first, count }: Fault, disk: DiskRecord): Promise<void> {
    for (
      let chunk = Math.floor(first / CHUNK_ENTRIES);
      chunk <= Math.floor((first + count - 1) / CHUNK_ENTRIES);
      chunk += 1
    ) {
      const entries = await this.#space.tables.read(table, chunk);
      void session.deliver({ type: "chunk", table, chunk, generation: disk.generation }, entries);
    }
  }

  /** First write: allocate, zeros durable, commit, tell every agent, and only then answer. False where the pool is full. */
  async #map(disk: DiskRecord, { first, count }: Fault): Promise<boolean> {
    const zero: number[] = [];
    for (let segment = first; segment < first + count; segment += 1) {
      if ((await this.#states(disk.table, segment)) & EntryState.ZERO) zero.push(segment);
    }
    const locations = await this.#space.allocate(disk.pool, zero.length);
    if (locations === undefined) return false;
    if (zero.length === 0) return true;
    const generation = await this.#space.map(disk.name, zero, locations);
    const grant = (states: number) =>
      Promise.all(
        zero.map((segment, at) => this.#grant(disk.table, segment, locations[at] as Location, states, generation)),
      );
    // Read at its place by all before it can be written by any: who still had Z would read zeros after a write (rule 8).
    await grant(EntryState.NO_WRITE);
    await grant(0);
    return true;
  }

  #grant(
    table: string,
    first: number,
    { device, segment }: Location,
    states: number,
    generation: number,
  ): Promise<void> {
    const runs = [{ count: 1, states, device, segment }];
    return this.#space.agents.toTable(table, { type: "set_entry", table, first, runs, blocking: true, generation });
  }

  /** Revoked everywhere and drained; then committed as zero; then given back, punched. */
  async #unmap(
    session: AgentSession,
    { table, request, first, count, generation }: Unmap,
    disk: DiskRecord,
  ): Promise<void> {
    const stale = disk.generation > generation && (await this.#changedSince(disk, first, generation));
    if (!stale) {
      const runs = [{ count, states: EntryState.INVALID }];
      await this.#space.agents.toTable(table, {
        type: "set_entry",
        table,
        first,
        runs,
        blocking: true,
        generation: disk.generation,
      });
      await this.#space.unmap(disk.name, first, count);
    }
    void session.deliver({ type: "unmap_response", table, request, outcome: stale ? "stale" : "done" });
  }

  async #changedSince(disk: DiskRecord, segment: number, generation: number): Promise<boolean> {
    return this.#space.chunkGeneration(disk.table, Math.floor(segment / CHUNK_ENTRIES)) > generation;
  }

  async #states(table: string, segment: number): Promise<number> {
    const entries = await this.#space.tables.read(table, Math.floor(segment / CHUNK_ENTRIES));
    return statesOf(entries[(segment % CHUNK_ENTRIES) * 2] as number);
  }
}
