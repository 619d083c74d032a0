/**
 * A storage device as everything sees it: blocks that are on the medium, and what was written since
 * and is only in its cache. A block holds a tag: the number in its first four bytes.
 */
import type { DeviceLabel } from "node-iscsi-target/storage/label.ts";
import type { Chance } from "../engine/chance.ts";

export const BLOCK_BYTES = 512;
export const SEGMENT_BYTES = 65536;
export const SEGMENT_BLOCKS = SEGMENT_BYTES / BLOCK_BYTES;

interface Cell {
  /** On the medium. */
  durable: number;
  /** In the cache, oldest first, with the order in which they were written. */
  cached: { readonly tag: number; readonly order: number }[];
}

interface Segment {
  /** What the blocks hold that have no cell. */
  base: number;
  readonly cells: Map<number, Cell>;
}

export class SimDisk {
  readonly path: string;
  readonly segments: number;
  label: DeviceLabel | undefined;
  readonly #segments = new Map<number, Segment>();
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
    const segment = this.#segments.get(Math.floor(block / SEGMENT_BLOCKS));
    if (segment === undefined) return this.#old;
    const cell = segment.cells.get(block % SEGMENT_BLOCKS);
    return cell === undefined ? segment.base : current(cell);
  }

  /** Into the cache. */
  write(block: number, tag: number): void {
    const cell = this.#cell(block);
    this.#order += 1;
    cell.cached.push({ tag, order: this.#order });
    this.#dirty.add(cell);
  }

  /** What a block holds now is on the medium. */
  harden(block: number): void {
    this.#hardenCell(this.#cell(block), Number.POSITIVE_INFINITY);
  }

  /** What was written up to `order` is on the medium. */
  flush(order: number): void {
    for (const cell of this.#dirty) this.#hardenCell(cell, order);
  }

  /** A whole segment is zero, on the medium. */
  zero(segment: number): void {
    this.#replace(segment, { base: 0, cells: new Map() });
  }

  /** A whole segment holds what another holds now, on the medium. */
  copy(from: SimDisk, source: number, segment: number): void {
    const old = from.#segments.get(source);
    const cells = new Map<number, Cell>();
    for (const [at, cell] of old?.cells ?? []) cells.set(at, { durable: current(cell), cached: [] });
    this.#replace(segment, { base: old?.base ?? from.#old, cells });
  }

  /** Who zeroed or copied died in the middle: of each block the old or the new is left. */
  tear(segment: number, whole: () => void, chance: Chance): void {
    const before = this.#segment(segment);
    const old = new Map([...before.cells].map(([at, cell]) => [at, current(cell)]));
    whole();
    const after = this.#segment(segment);
    for (const at of new Set([...old.keys(), ...after.cells.keys()])) {
      if (chance.hit(0.5)) continue;
      const cell = this.#cell(segment * SEGMENT_BLOCKS + at);
      cell.durable = old.get(at) ?? before.base;
    }
  }

  /** Of each block some version since the last that was made durable is left. */
  losePower(chance: Chance): void {
    for (const cell of this.#dirty) {
      const kept = chance.below(cell.cached.length + 1);
      if (kept > 0) cell.durable = cell.cached[kept - 1]?.tag as number;
      cell.cached = [];
    }
    this.#dirty.clear();
  }

  #replace(number: number, segment: Segment): void {
    for (const cell of this.#segments.get(number)?.cells.values() ?? []) this.#dirty.delete(cell);
    this.#segments.set(number, segment);
  }

  #hardenCell(cell: Cell, order: number): void {
    let count = 0;
    while (count < cell.cached.length && (cell.cached[count]?.order as number) <= order) count += 1;
    if (count > 0) cell.durable = cell.cached[count - 1]?.tag as number;
    cell.cached = cell.cached.slice(count);
    if (cell.cached.length === 0) this.#dirty.delete(cell);
  }

  #segment(number: number): Segment {
    let segment = this.#segments.get(number);
    if (segment === undefined) {
      segment = { base: this.#old, cells: new Map() };
      this.#segments.set(number, segment);
    }
    return segment;
  }

  #cell(block: number): Cell {
    const segment = this.#segment(Math.floor(block / SEGMENT_BLOCKS));
    const at = block % SEGMENT_BLOCKS;
    let cell = segment.cells.get(at);
    if (cell === undefined) {
      cell = { durable: segment.base, cached: [] };
      segment.cells.set(at, cell);
    }
    return cell;
  }
}

function current(cell: Cell): number {
  return cell.cached.at(-1)?.tag ?? cell.durable;
}

export function tagOf(buffer: Uint8Array, at: number): number {
  return new DataView(buffer.buffer, buffer.byteOffset + at, 4).getUint32(0);
}
export function putTag(buffer: Uint8Array, at: number, tag: number): void {
  new DataView(buffer.buffer, buffer.byteOffset + at, 4).setUint32(0, tag);
}
