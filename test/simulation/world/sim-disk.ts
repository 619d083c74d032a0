/**
 * A storage device as everything sees it: blocks that are on the medium, and what was written since
 * and is only in its cache. A block holds a tag: the number in its first four bytes.
 */
import type { DeviceLabel } from "node-iscsi-target/storage/label.ts";
import type { Chance } from "../engine/chance.ts";
import type { Descriptor, Trouble } from "./disk-troubles.ts";

export const BLOCK_BYTES = 512;
export const SEGMENT_BYTES = 65536;
export const SEGMENT_BLOCKS = SEGMENT_BYTES / BLOCK_BYTES;

interface Cell {
  /** On the medium. */
  durable: number;
  /** In the cache, oldest first. */
  cached: Cached[];
}

interface Cached {
  readonly tag: number;
  /** In which it was written. */
  readonly order: number;
  /** A sync of it has failed: it is read still, and no later sync writes it. */
  isGone: boolean;
}

export class SimDisk {
  readonly path: string;
  readonly segments: number;
  label: DeviceLabel | undefined;
  /** Blocks that cannot be read until they are written. */
  readonly bad = new Set<number>();
  readonly troubles = new Set<Trouble>();
  /** Nobody can open it. */
  isPulled = false;
  /** Who has it open. */
  readonly descriptors = new Set<Descriptor>();
  /** Who was there when a sync failed that has lost something. */
  witnesses: readonly Descriptor[] = [];
  /** Up to where it was written when it was given up with nobody left who could sync it. */
  orphaned = 0;
  /** How many syncs have lost something. */
  failedSyncs = 0;
  readonly #segments = new Map<number, Map<number, Cell>>();
  readonly #dirty = new Set<Cell>();
  readonly #old: number;
  #order = 0;

  /** @param old what every block holds that nobody has written to yet; 0: a fresh image */
  constructor(path: string, segments: number, old: number) {
    this.path = path;
    this.segments = segments;
    this.#old = old;
  }

  get sizeBytes(): number {
    return this.segments * SEGMENT_BYTES;
  }

  /** Of the last write into the cache. */
  get order(): number {
    return this.#order;
  }

  read(block: number): number {
    const cell = this.#segments.get(Math.floor(block / SEGMENT_BLOCKS))?.get(block % SEGMENT_BLOCKS);
    return cell === undefined ? this.#old : (cell.cached.at(-1)?.tag ?? cell.durable);
  }

  /** Into the cache. */
  write(block: number, tag: number): void {
    const cell = this.#cell(block);
    this.#order += 1;
    cell.cached.push({ tag, order: this.#order, isGone: false });
    this.#dirty.add(cell);
    this.bad.delete(block);
  }

  /** What was written up to `order` is on the medium; or it never will be, where syncs fail. */
  sync(order: number): void {
    if (this.troubles.has("sync")) return this.#fail(order);
    for (const cell of this.#dirty) this.#hardenCell(cell, order);
  }

  #fail(order: number): void {
    let isLost = false;
    for (const { cached } of this.#dirty) {
      for (const one of cached) {
        if (one.order > order || one.isGone) continue;
        one.isGone = true;
        isLost = true;
      }
    }
    if (!isLost) return;
    this.failedSyncs += 1;
    this.witnesses = [...this.descriptors].filter(({ isDead }) => !isDead);
  }

  /** Whether a block holds what a failed sync has lost. */
  isGone(block: number): boolean {
    const segment = this.#segments.get(Math.floor(block / SEGMENT_BLOCKS));
    return segment?.get(block % SEGMENT_BLOCKS)?.cached.at(-1)?.isGone === true;
  }

  /** The first block of a range that holds what was written up to `order`, and after `since`, and is not on the medium: no sync came after it, or one has lost it. */
  firstUnsynced(first: number, count: number, order = Number.POSITIVE_INFINITY, since = 0): number | undefined {
    const segment = this.#segments.get(Math.floor(first / SEGMENT_BLOCKS));
    for (let block = first; block < first + count; block += 1) {
      const oldest = segment?.get(block % SEGMENT_BLOCKS)?.cached[0];
      if (oldest !== undefined && oldest.order <= order && oldest.order > since) return block;
    }
    return undefined;
  }

  /** It is taken out. Nobody has it open, and nobody can open it: what was written may never be on the medium. */
  leaves(): void {
    if (this.isPulled && [...this.descriptors].every(({ isDead }) => isDead)) this.orphaned = this.#order;
  }

  /** A sync has lost something, and nobody is left who was told, or would be. */
  get isForgotten(): boolean {
    return this.witnesses.length > 0 && this.witnesses.every(({ isDead }) => isDead);
  }

  /** Somebody has seen to what failed syncs have lost. */
  mend(): void {
    this.witnesses = [];
    for (const cell of this.#dirty) for (const one of cell.cached) one.isGone = false;
  }

  /** The first of a range that cannot be read. */
  badIn(first: number, count: number): number | undefined {
    if (this.bad.size === 0) return undefined;
    return [...this.bad].filter((block) => block >= first && block < first + count).sort((a, b) => a - b)[0];
  }

  /** Blocks of a range that hold something, or whose zeros may be lost, or cannot be read. */
  notZero(first: number, count: number): number[] {
    const blocks: number[] = [];
    for (let block = first; block < first + count; block += 1)
      if (this.read(block) !== 0 || this.bad.has(block) || this.isGone(block)) blocks.push(block);
    return blocks;
  }

  /** Of each block some version since the last that was made durable is left. */
  losePower(chance: Chance): void {
    for (const cell of this.#dirty) {
      const kept = chance.below(cell.cached.length + 1);
      if (kept > 0) cell.durable = cell.cached[kept - 1]?.tag as number;
      cell.cached = [];
    }
    this.#dirty.clear();
    this.witnesses = [];
  }

  #hardenCell(cell: Cell, order: number): void {
    const last = cell.cached.findLastIndex((one) => one.order <= order && !one.isGone);
    if (last >= 0) cell.durable = cell.cached[last]?.tag as number;
    cell.cached = cell.cached.slice(last + 1);
    if (cell.cached.length === 0) this.#dirty.delete(cell);
  }

  #cell(block: number): Cell {
    const number = Math.floor(block / SEGMENT_BLOCKS);
    let segment = this.#segments.get(number);
    if (segment === undefined) {
      segment = new Map();
      this.#segments.set(number, segment);
    }
    let cell = segment.get(block % SEGMENT_BLOCKS);
    if (cell === undefined) {
      cell = { durable: this.#old, cached: [] };
      segment.set(block % SEGMENT_BLOCKS, cell);
    }
    return cell;
  }
}

export function tagOf(buffer: Uint8Array, at: number): number {
  return new DataView(buffer.buffer, buffer.byteOffset + at, 4).getUint32(0);
}
export function putTag(buffer: Uint8Array, at: number, tag: number): void {
  new DataView(buffer.buffer, buffer.byteOffset + at, 4).setUint32(0, tag);
}
