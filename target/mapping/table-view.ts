/**
 * A further table of a disk (seed A3): some of its segments, in an order of their own, as a device with
 * blocks and a capacity of its own. It has no entries: each I/O goes through those of the disk, so that
 * faults, drains and whatever the controller sets are one for all tables of a disk.
 */
import {
  type BlockDevice,
  type DeviceChange,
  type Exclusion,
  type Initiation,
  type IoCompletion,
  type IoResult,
  OK,
  type ProvisioningExtent,
  type WriteOptions,
} from "../storage/block-device.ts";
import type { MappedDevice } from "./mapped-device.ts";
import type { View } from "./messages/publication.ts";
import { cut, type Io, join, located } from "./pieces.ts";

/** A run of the view's bytes that lie one after another on the disk. */
interface Stretch {
  readonly from: number;
  readonly end: number;
  readonly onDisk: number;
}
type Piece = Io & { readonly moved: number };

export class TableView implements BlockDevice {
  readonly sizeBytes: number;
  readonly readOnly = false;
  /** Never called: what a view shows does not change. */
  onChange: ((change: DeviceChange) => void) | undefined;
  readonly #disk: MappedDevice;
  readonly #stretches: readonly Stretch[];

  constructor(disk: MappedDevice, { ranges, sizeBytes }: View) {
    this.#disk = disk;
    this.sizeBytes = sizeBytes;
    let from = 0;
    this.#stretches = ranges.map(([first, count]) => {
      const stretch = { from, end: from + count * disk.allocationBytes, onDisk: first * disk.allocationBytes };
      from = stretch.end;
      return stretch;
    });
  }

  get blockBytes(): number {
    return this.#disk.blockBytes;
  }
  get thin(): boolean {
    return this.#disk.thin;
  }
  get allocationBytes(): number {
    return this.#disk.allocationBytes;
  }

  read(offset: number, into: Uint8Array, by?: Initiation): IoCompletion {
    const stretch = this.#around(offset, into.length);
    if (stretch === undefined) return this.#together({ access: "read", offset, length: into.length, into }, by);
    const moved = stretch.onDisk - stretch.from;
    const completion = this.#disk.read(offset + moved, into, by);
    return completion === OK ? OK : located(completion, -moved);
  }

  write(offset: number, from: readonly Uint8Array[], options?: WriteOptions, by?: Initiation): IoCompletion {
    let length = 0;
    for (const piece of from) length += piece.length;
    const stretch = this.#around(offset, length);
    if (stretch === undefined) return this.#together({ access: "write", offset, length, from, options }, by);
    const moved = stretch.onDisk - stretch.from;
    const completion = this.#disk.write(offset + moved, from, options, by);
    return completion === OK ? OK : located(completion, -moved);
  }

  writeZeroes(offset: number, length: number, options?: WriteOptions, by?: Initiation): IoCompletion {
    const pieces = this.#pieces({ access: "zero", offset, length, options });
    const givesBack = pieces.some((piece) => this.#disk.givesBack(piece.offset, piece.length));
    if (!givesBack) return this.#disk.together(pieces, by);
    return this.#each(pieces, (piece) => this.#disk.writeZeroes(piece.offset, piece.length, options, by));
  }

  flush(): IoCompletion {
    return this.#disk.flush();
  }

  unmap(offset: number, length: number, by?: Initiation): IoCompletion {
    const pieces = this.#pieces({ access: "zero", offset, length });
    return this.#each(pieces, (piece) => this.#disk.unmap(piece.offset, piece.length, by));
  }

  async provisioning(offset: number, length: number): Promise<readonly ProvisioningExtent[]> {
    const extents: ProvisioningExtent[] = [];
    for (const { moved, ...piece } of this.#pieces({ access: "read", offset, length })) {
      for (const extent of await this.#disk.provisioning(piece.offset, piece.length))
        extents.push({ ...extent, offset: extent.offset - moved });
    }
    return extents;
  }

  /** One exclusion, so that two cannot wait for each other: over the border of two ranges it takes what lies between them on the disk, too. */
  exclude(offset: number, length: number, by: Initiation): Promise<Exclusion | IoResult> {
    const pieces = this.#pieces({ access: "read", offset, length });
    const from = Math.min(...pieces.map((piece) => piece.offset));
    const end = Math.max(...pieces.map((piece) => piece.offset + piece.length));
    return this.#disk.exclude(from, end - from, by);
  }

  /** The disk is not the view's to close. */
  async close(): Promise<void> {
    this.onChange = undefined;
  }

  /** Over the border of ranges: references on all entries, or on none. */
  #together(io: Io, by: Initiation | undefined): IoCompletion {
    return this.#disk.together(this.#pieces(io), by);
  }

  #each(pieces: readonly Piece[], work: (piece: Piece) => IoCompletion): IoCompletion {
    return join(pieces.map((piece) => located(work(piece), -piece.moved)));
  }

  /** The parts of an I/O as the disk has them. */
  #pieces(io: Io): Piece[] {
    const parts = cut(io, (offset) => this.#at(offset).end - offset);
    return parts.map((part) => {
      const { from, onDisk } = this.#at(part.offset);
      const moved = onDisk - from;
      return { ...part, offset: part.offset + moved, moved };
    });
  }

  /** The stretch that has all of it; undefined: there are several. */
  #around(offset: number, length: number): Stretch | undefined {
    const stretch = this.#at(offset);
    return offset + length <= stretch.end ? stretch : undefined;
  }

  #at(offset: number): Stretch {
    let [low, high] = [0, this.#stretches.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (offset < (this.#stretches[middle] as Stretch).end) high = middle;
      else low = middle + 1;
    }
    return this.#stretches[low] as Stretch;
  }
}
