/** What every disk must hold, by table: the truth that reads are checked against. */
import { Violation } from "../engine/violation.ts";
import { BlockHistory, type BlockWrite, ZERO_TAG } from "./history.ts";
import { Instant } from "./snapshot.ts";

/** A write of consecutive blocks of a logical unit, as a host sent it. */
export interface HostWrite {
  readonly disk: ModelDisk;
  /** Of the disk, in the order of the write. */
  readonly blocks: readonly number[];
  readonly writes: readonly BlockWrite[];
}

export class ModelDisk {
  readonly table: string;
  readonly blocks = new Map<number, BlockHistory>();

  constructor(table: string) {
    this.table = table;
  }

  history(block: number): BlockHistory {
    let history = this.blocks.get(block);
    if (history === undefined) {
      history = new BlockHistory([blank()]);
      this.blocks.set(block, history);
    }
    return history;
  }

  /** What a block that nobody has written to has, too. */
  peek(block: number): BlockHistory {
    return this.blocks.get(block) ?? new BlockHistory([blank()]);
  }
}

/** Where a tag was written to. */
interface Origin {
  readonly table: string;
  readonly block: number;
}

export class Model {
  readonly disks = new Map<string, ModelDisk>();
  readonly #origins: Origin[] = [];
  /** Of snapshots that nobody writes to, by table. */
  readonly #instants = new Map<string, Instant>();
  /** When the reads and snapshots began that are under way, in order: what was there then is not forgotten. */
  readonly reads = new Set<number>();

  disk(table: string): ModelDisk {
    let disk = this.disks.get(table);
    if (disk === undefined) {
      disk = new ModelDisk(table);
      this.disks.set(table, disk);
    }
    return disk;
  }

  /** Where the content of a block was written to by a host; undefined for zeros and for what was on a device before. */
  origin(tag: number): Origin | undefined {
    return this.#origins[tag - 1];
  }

  /** A host begins to write; each block has a tag of its own, or all are zero. */
  begin(table: string, blocks: readonly number[], isZero: boolean, start: number, by: string): HostWrite {
    const disk = this.disk(table);
    const writes: BlockWrite[] = [];
    const [oldest = start] = this.reads;
    for (const block of blocks) {
      const tag = isZero ? ZERO_TAG : this.#origins.push({ table, block });
      const write: BlockWrite = {
        tag,
        start,
        end: Number.POSITIVE_INFINITY,
        settled: Number.POSITIVE_INFINITY,
        isAcknowledged: false,
        durable: false,
        by,
      };
      disk.history(block).begin(write, oldest);
      writes.push(write);
    }
    return { disk, blocks, writes };
  }

  acknowledged({ writes }: HostWrite, now: number, durable: boolean): void {
    for (const write of writes) {
      write.end = now;
      if (write.mayBeLost !== true) write.settled = Math.min(write.settled, now);
      write.isAcknowledged = true;
      write.durable = durable;
    }
  }

  /** Nobody will say how it ended. `end`: when it can take effect no more. */
  lost({ writes }: HostWrite, end: number): void {
    for (const write of writes) write.end = Math.min(write.end, end);
  }

  /** It surely had no effect. */
  withdrawn({ disk, blocks, writes }: HostWrite): void {
    for (const [at, write] of writes.entries()) disk.history(blocks[at] as number).withdraw(write);
  }

  flushed(table: string, start: number): void {
    for (const history of this.disk(table).blocks.values()) history.flushed(start);
  }

  powerLost(now: number): void {
    // What each block has lost is its own affair.
    this.#instants.clear();
    for (const disk of this.disks.values()) for (const history of disk.blocks.values()) history.powerLost(now);
  }

  /** Snapshots or clones of these disks at one instant, asked for at `asked` and there at `done`. */
  snapshot(made: readonly { table: string; origin: string; readOnly: boolean }[], asked: number, done: number): void {
    const instant = new Instant(asked, done);
    for (const { table, origin, readOnly } of made) {
      const [source, copy] = [this.disk(origin), this.disk(table)];
      for (const [block, history] of source.blocks) copy.blocks.set(block, history.copied(asked, done));
      if (!readOnly) continue;
      instant.add(table, source);
      this.#instants.set(table, instant);
    }
  }

  /** A disk has what a snapshot has, from this tick on. */
  restore(table: string, snapshot: string, now: number): void {
    const [disk, source] = [this.disk(table), this.disk(snapshot)];
    for (const block of new Set([...disk.blocks.keys(), ...source.blocks.keys()]))
      disk.blocks.set(block, source.peek(block).instead(disk.peek(block), now));
  }

  /** What was in these blocks is gone from this tick on. */
  emptied(table: string, first: number, count: number, now: number): void {
    const disk = this.disk(table);
    // A snapshot that has lost something is of no instant any more.
    this.#instants.delete(table);
    const zeros = new BlockHistory([blank()]);
    for (const [block, history] of disk.blocks)
      if (block >= first && block < first + count) disk.blocks.set(block, zeros.instead(history, now));
  }

  checkInstants(): void {
    for (const instant of new Set(this.#instants.values())) instant.check();
  }

  /** @throws Violation where a read of this block, from `start` to `end`, may not return this. */
  checkRead(table: string, block: number, tag: number, start: number, end: number, by: string): void {
    const history = this.disk(table).blocks.get(block);
    this.#instants.get(table)?.saw(table, block, tag);
    if (history === undefined ? tag === ZERO_TAG : history.observe(tag, start, end)) return;
    const origin = this.origin(tag);
    const isForeign = tag !== ZERO_TAG && (origin === undefined || origin.block !== block);
    const allowed = history?.allowed(start, end) ?? [];
    throw new Violation(
      isForeign ? "rule 3" : "rule 8",
      `${by} (ticks ${start} to ${end}) found in block ${block} of ${table} ${this.#named(tag)}; allowed: ${
        allowed.map((write) => `${this.#named(write.tag)} by ${write.by} at ${write.start}`).join(", ") || "only zeros"
      }`,
    );
  }

  #named(tag: number): string {
    if (tag === ZERO_TAG) return "zeros";
    const origin = this.origin(tag);
    return origin === undefined
      ? `what was on the device before (${tag})`
      : `#${tag} of block ${origin.block} of ${origin.table}`;
  }
}

/** A fresh disk reads as zeros. */
function blank(): BlockWrite {
  return { tag: ZERO_TAG, start: -1, end: -1, settled: -1, isAcknowledged: true, durable: true, by: "nobody" };
}
