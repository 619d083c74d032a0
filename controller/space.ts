/**
 * Space: segments taken, mapped, and given back, each step durable before the next relies on it.
 *
 * A segment in use has a record from before its table names it until after it was punched out. A
 * record that no table names is left by a crash, and is freed at the next start.
 */
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, encodeWord1, isPlain, segmentOf, statesOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { Agents } from "./agents/agents.ts";
import type { Allocator, Location } from "./allocator.ts";
import type { Clock } from "./clock.ts";
import type { Medium } from "./devices/medium.ts";
import type { AllRecords, DiskRecord } from "./records.ts";
import type { Put } from "./store/records.ts";
import type { Store } from "./store/store.ts";
import { segmentKey, type Tables } from "./tables/chunks.ts";

export interface SpaceOptions {
  readonly store: Store;
  readonly records: AllRecords;
  readonly tables: Tables;
  readonly allocator: Allocator;
  readonly agents: Agents;
  readonly media: Map<number, Medium>;
  readonly clock: Clock;
  readonly nextNumber: () => number;
  /** The lab's record with its counter, to go into a transaction that used a number. */
  readonly numbers: () => Put;
}

const QUEUE_POLL_MS = 100;

export class Space {
  readonly tables: Tables;
  readonly agents: Agents;
  readonly #o: SpaceOptions;
  /** Newest change of a chunk in this epoch; before that, whatever agents have was forgotten. */
  readonly #chunkGenerations = new Map<string, number>();
  /** One change of a disk's table at a time: its generation is read and written. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SpaceOptions) {
    this.#o = options;
    this.tables = options.tables;
    this.agents = options.agents;
  }

  chunkGeneration(table: string, chunk: number): number {
    return this.#chunkGenerations.get(`${table}/${chunk}`) ?? 0;
  }

  /** So many free segments, durably zero; undefined where the pool stays full for its queueing time. */
  async allocate(pool: string, count: number): Promise<Location[] | undefined> {
    const limitMs = this.#o.records.pools.get(pool)?.queueWhenFullMs ?? 0;
    for (let waitedMs = 0; this.#o.allocator.freeIn(pool) < count; waitedMs += QUEUE_POLL_MS) {
      if (waitedMs >= limitMs) return undefined;
      await new Promise<void>((resolve) => void this.#o.clock.after(QUEUE_POLL_MS, resolve));
    }
    const locations: Location[] = [];
    for (let taken = 0; taken < count; taken += 1) locations.push(this.#o.allocator.take(pool) as Location);
    for (const location of locations) await this.#zeroed(location);
    return locations;
  }

  /** Maps segments of a disk, durably; the new generation. */
  map(disk: string, segments: readonly number[], locations: readonly Location[]): Promise<number> {
    return this.#inTurn(() =>
      this.#change(disk, segments, (at) => {
        const { device, segment } = locations[at] as Location;
        return [segment, encodeWord1({ device })];
      }),
    );
  }

  /** Makes segments zero again and gives back what they held: committed first, then punched, then free. */
  unmap(disk: string, first: number, count: number): Promise<void> {
    return this.#inTurn(async () => {
      const record = this.#o.records.disks.get(disk) as DiskRecord;
      const segments = Array.from({ length: count }, (_, at) => first + at);
      const held: Location[] = [];
      for (const segment of segments) {
        const location = await this.location(record.table, segment);
        if (location !== undefined) held.push(location);
      }
      await this.#change(disk, segments, () => [EntryState.ZERO, 0]);
      await this.release(held);
    });
  }

  /** Where a segment lies; undefined for zero. */
  async location(table: string, segment: number): Promise<Location | undefined> {
    const entries = await this.tables.read(table, Math.floor(segment / CHUNK_ENTRIES));
    const at = (segment % CHUNK_ENTRIES) * 2;
    const word0 = entries[at] as number;
    if (!isPlain(word0) && statesOf(word0) & EntryState.ZERO) return undefined;
    return { device: deviceOf(entries[at + 1] as number), segment: segmentOf(word0) };
  }

  /** Every mapped segment of a table: its number and location. */
  async *mapped(table: string): AsyncGenerator<[segment: number, location: Location]> {
    const root = await this.tables.root(table);
    for (let chunk = 0; chunk < root.length; chunk += 1) {
      if (root[chunk] === 0) continue;
      const entries = await this.tables.read(table, chunk);
      for (let at = 0; at < entries.length; at += 2) {
        if (statesOf(entries[at] as number) & EntryState.ZERO) continue;
        yield [
          chunk * CHUNK_ENTRIES + at / 2,
          { device: deviceOf(entries[at + 1] as number), segment: segmentOf(entries[at] as number) },
        ];
      }
    }
  }

  /** No table names them any more: punched out, durably, and only then free for others. */
  async release(locations: readonly Location[]): Promise<void> {
    for (const location of locations) await this.#zeroed(location, true);
    await this.#o.store.commit({ deletes: locations.map(({ device, segment }) => segmentKey(device, segment)) });
    for (const location of locations) this.#o.allocator.free(location);
  }

  async #zeroed({ device, segment }: Location, always = false): Promise<void> {
    const record = this.#o.records.devices.get(String(device));
    // An image of ours is zero where it was never used, and punched where it was.
    if (record === undefined || (record.created && !always)) return;
    const { segmentBytes } = this.#o.records.pools.get(record.pool) as { segmentBytes: number };
    await this.#o.media.get(device)?.zero(segment * segmentBytes, segmentBytes);
  }

  /** One transaction: chunks, segment records, the disk's generation, the counter of numbers. */
  async #change(
    name: string,
    segments: readonly number[],
    entry: (at: number) => readonly [word0: number, word1: number],
  ): Promise<number> {
    const disk = this.#o.records.disks.get(name) as DiskRecord;
    const generation = disk.generation + 1;
    const next = { ...disk, generation };
    const puts: Put[] = [this.#o.records.disks.put(name, next)];
    const learn: (() => void)[] = [];
    for (const [chunk, positions] of byChunk(segments)) {
      const entries = Uint32Array.from(await this.tables.read(disk.table, chunk));
      for (const at of positions) entries.set(entry(at), ((segments[at] as number) % CHUNK_ENTRIES) * 2);
      const write = await this.tables.write(disk.table, chunk, entries, this.#o.nextNumber);
      puts.push(...write.puts);
      for (const at of positions) puts.push(...segmentPut(entry(at), write.number, segments[at] as number));
      learn.push(write.learn, () => void this.#chunkGenerations.set(`${disk.table}/${chunk}`, generation));
    }
    await this.#o.store.commit({ puts: [...puts, this.#o.numbers()] });
    this.#o.records.disks.learn(name, next);
    for (const step of learn) step();
    return generation;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn;
    return turn;
  }
}

/** The record of who holds a segment. */
function segmentPut([word0, word1]: readonly [number, number], chunk: number, virtual: number): Put[] {
  if (statesOf(word0) & EntryState.ZERO) return [];
  const holder = JSON.stringify({ chunk, index: virtual % CHUNK_ENTRIES });
  return [[segmentKey(deviceOf(word1), segmentOf(word0)), Buffer.from(holder)]];
}

function byChunk(segments: readonly number[]): Map<number, number[]> {
  const chunks = new Map<number, number[]>();
  segments.forEach((segment, at) => {
    const chunk = Math.floor(segment / CHUNK_ENTRIES);
    const positions = chunks.get(chunk);
    if (positions === undefined) chunks.set(chunk, [at]);
    else positions.push(at);
  });
  return chunks;
}
