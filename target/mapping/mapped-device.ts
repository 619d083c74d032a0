/**
 * A virtual disk (150) as a block device: every I/O goes through the mapping table (200).
 *
 * All or none: an I/O looks at every entry it touches in one step; where one of them faults, it
 * holds nothing and waits, and then looks again at all of them.
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
import { CANCELLED, cancellable } from "./cancellable.ts";
import { EntryState } from "./entry.ts";
import { obstacleIn, unknownIn } from "./entry-checks.ts";
import { Exclusions } from "./exclusions.ts";
import { extentsOf } from "./extents.ts";
import { FaultBook } from "./fault-book.ts";
import type { MappedDeviceOptions } from "./mapped-device-options.ts";
import { deviceOf, isPlain, MappingTable, segmentOf } from "./mapping-table.ts";
import { type Io, join, located, slicePieces, wholeSegments } from "./pieces.ts";
import { References } from "./references.ts";
import { Unmapping } from "./unmapping.ts";

/** What an I/O waits for: segments that fault, or the end of a hold. */
type Obstacle = number[] | Promise<"retry">;

const NOT_READY: IoResult = Object.freeze({ kind: "not-ready" });

export class MappedDevice implements BlockDevice {
  readonly blockBytes: number;
  readonly readOnly = false;
  readonly thin: boolean;
  readonly allocationBytes: number;
  readonly table: MappingTable;
  readonly references = new References();
  readonly faults: FaultBook;
  readonly unmapping: Unmapping;
  readonly exclusions: Exclusions;
  readonly counters = { reads: 0, writes: 0, readBytes: 0, writtenBytes: 0, held: 0 };
  onChange: ((change: DeviceChange) => void) | undefined;
  readonly #options: MappedDeviceOptions;
  #sizeBytes: number;
  #deleted = false;

  constructor(options: MappedDeviceOptions) {
    this.#options = options;
    this.blockBytes = options.blockBytes;
    this.thin = options.thin;
    this.allocationBytes = options.segmentBytes;
    this.#sizeBytes = options.sizeBytes;
    this.table = new MappingTable(Math.ceil(options.sizeBytes / options.segmentBytes));
    this.faults = new FaultBook(options.nextNumber, (fault) =>
      options.sendFault(fault, this.table.generation(fault.first)),
    );
    this.unmapping = new Unmapping(options.nextNumber, options.sendUnmap);
    this.exclusions = new Exclusions(options.nextNumber, options.sendExclusion);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  read(offset: number, into: Uint8Array, by?: Initiation): IoCompletion {
    this.counters.reads += 1;
    this.counters.readBytes += into.length;
    return this.#run({ access: "read", offset, length: into.length, into }, by);
  }

  write(offset: number, from: readonly Uint8Array[], options?: WriteOptions, by?: Initiation): IoCompletion {
    let length = 0;
    for (const piece of from) length += piece.length;
    this.counters.writes += 1;
    this.counters.writtenBytes += length;
    return this.#run({ access: "write", offset, length, from, options }, by);
  }

  writeZeroes(offset: number, length: number, options?: WriteOptions, by?: Initiation): IoCompletion {
    if (this.givesBack(offset, length)) return this.unmap(offset, length, by, options);
    return this.#run({ access: "zero", offset, length, options }, by);
  }

  /** A shared segment would be copied first, only to be zeroed: a thin disk gives back whole ones instead. */
  givesBack(offset: number, length: number): boolean {
    return this.thin && this.table.noWriteIn(...wholeSegments(offset, length, this.#options, this.#sizeBytes));
  }

  /** Pieces of one I/O, of different segments: it has references on all of their entries, or on none. */
  together(pieces: readonly Io[], by?: Initiation): IoCompletion {
    const refused = this.#obstacleOfAll(pieces, by);
    if (refused === undefined) return this.#issueAll(pieces);
    return "kind" in refused ? refused : this.#held(pieces, refused, by);
  }

  /** Rule 7: every device of the disk, those too that this agent never wrote. */
  flush(): IoCompletion {
    if (this.#deleted) return NOT_READY;
    return join(this.#options.devices().map((device) => device.flush()));
  }

  /** Whole segments go back to the pool by the controller; parts of segments are zeroed where they lie. */
  async unmap(offset: number, length: number, by?: Initiation, options?: WriteOptions): Promise<IoResult> {
    const { segmentBytes } = this.#options;
    const [first, end] = wholeSegments(offset, length, this.#options, this.#sizeBytes);
    if (first >= end) return this.writeZeroes(offset, length, options, by);
    const head = first * segmentBytes - offset;
    const tail = Math.max(0, offset + length - end * segmentBytes);
    const done = await this.#giveBack(first, end, by);
    if (done !== OK) return done;
    const parts: IoCompletion[] = [];
    if (head > 0) parts.push(this.writeZeroes(offset, head, options, by));
    if (tail > 0) parts.push(this.writeZeroes(offset + length - tail, tail, options, by));
    return join(parts);
  }

  async provisioning(offset: number, length: number): Promise<readonly ProvisioningExtent[]> {
    const { segmentBytes } = this.#options;
    const first = Math.floor(offset / segmentBytes);
    const end = Math.ceil((offset + length) / segmentBytes);
    await this.#known(first, end, undefined);
    return extentsOf(this.table, segmentBytes, offset, length);
  }

  async exclude(offset: number, length: number, by: Initiation): Promise<Exclusion | IoResult> {
    if (this.#deleted) return NOT_READY;
    const [first, last] = this.#segmentsOf(offset, length);
    const count = last - first + 1;
    const exclusion = await this.exclusions.request(first, count, by);
    // Other agents hold theirs, and so do other units here from now on; what these had under way ends first.
    const underWay = this.exclusions.shared ? [this.references, this.unmapping.references] : [];
    for (const references of underWay) await references.drain(first, count);
    return exclusion ?? (by.cancelled ? CANCELLED : NOT_READY);
  }

  /** `hold`: I/O to the segments waits; resolved when what was at the devices has ended. Unmaps that were asked for the controller keeps apart from it. */
  async hold(id: string, first: number, count: number): Promise<void> {
    this.exclusions.hold(id, first, count);
    await this.references.drain(first, count);
  }

  /** `alone`: whether nobody else has the table; resolved when what was done as if so is over. */
  async setAlone(alone: boolean): Promise<void> {
    this.exclusions.setAlone(alone);
    if (!alone) await this.references.drain(0, this.table.segments);
  }

  /** `resize_table`: the new segments are Inv. */
  resize(sizeBytes: number): void {
    this.#sizeBytes = sizeBytes;
    this.table.resize(Math.ceil(sizeBytes / this.#options.segmentBytes));
    this.onChange?.("capacity");
  }

  /** `delete_table`: new I/O fails, what waits fails; resolved when every reference has ended. */
  async delete(): Promise<void> {
    this.#deleted = true;
    this.faults.answerAll("retry");
    this.unmapping.endAll();
    this.exclusions.endAll();
    await this.references.drain(0, this.table.segments);
  }

  close(): Promise<void> {
    return this.delete();
  }

  #run(io: Io, by: Initiation | undefined): IoCompletion {
    const segment = this.#segmentOf(io.offset);
    const isWithin = io.offset + io.length <= (segment + 1) * this.#options.segmentBytes;
    // Nearly every I/O: what follows would let it pass too, in twice the time.
    if (isWithin && isPlain(this.table.word0(segment)) && this.exclusions.quiet && !this.#deleted) {
      const completion = this.#one(io, segment);
      return completion instanceof Promise ? this.references.hold(segment, segment, completion) : completion;
    }
    const refused = this.#obstacle(io, by);
    if (refused === undefined) return this.#issue(io);
    return "kind" in refused ? refused : this.#held([io], refused, by);
  }

  /** Waits for faults and holds, itself holding nothing, until the I/O may go or has failed. */
  async #held(pieces: readonly Io[], first: Obstacle, by: Initiation | undefined): Promise<IoResult> {
    const access = pieces[0]?.access === "read" ? "read" : "write";
    this.counters.held += 1;
    for (let obstacle = first; ; ) {
      const outcome = await cancellable(
        obstacle instanceof Promise ? obstacle : this.faults.wait(obstacle, access),
        by,
      );
      if (outcome === "cancelled") return CANCELLED;
      if (outcome !== "retry") return { kind: "reported", report: outcome };
      const refused = this.#obstacleOfAll(pieces, by);
      if (refused === undefined) return this.#issueAll(pieces);
      if ("kind" in refused) return refused;
      obstacle = refused;
    }
  }

  #obstacleOfAll(pieces: readonly Io[], by: Initiation | undefined): undefined | IoResult | Obstacle {
    const faulting: number[] = [];
    for (const piece of pieces) {
      const refused = this.#obstacle(piece, by);
      if (Array.isArray(refused)) faulting.push(...refused);
      else if (refused !== undefined) return refused;
    }
    return faulting.length === 0 ? undefined : faulting.sort((a, b) => a - b);
  }

  /** Nothing, a result that ends the I/O, or what it waits for. */
  #obstacle({ access, offset, length }: Io, by: Initiation | undefined): undefined | IoResult | Obstacle {
    if (this.#deleted) return NOT_READY;
    const [first, last] = this.#segmentsOf(offset, length);
    const held = this.exclusions.quiet ? undefined : this.exclusions.held(first, last, by);
    if (held) return held;
    return obstacleIn(this.table, access, first, last);
  }

  /** Every entry lets it pass: one call per segment, or per run of segments that adjoin on a device. */
  #issue(io: Io): IoCompletion {
    const { segmentBytes } = this.#options;
    const [first, last] = this.#segmentsOf(io.offset, io.length);
    const completion =
      first === last
        ? this.#one(io, first)
        : join(slicePieces(io, segmentBytes).map((part) => this.#one(part, Math.floor(part.offset / segmentBytes))));
    return completion instanceof Promise ? this.references.hold(first, last, completion) : completion;
  }

  #issueAll(pieces: readonly Io[]): IoCompletion {
    return join(pieces.map((piece) => located(this.#issue(piece), -(piece.moved ?? 0))));
  }

  #one(io: Io, segment: number): IoCompletion {
    const word0 = this.table.word0(segment);
    if (word0 & EntryState.ZERO) {
      io.into?.fill(0);
      return OK;
    }
    const device = this.#options.device(deviceOf(this.table.word1(segment)));
    if (device === undefined) return NOT_READY;
    const { segmentBytes } = this.#options;
    const at = segmentOf(word0) * segmentBytes + (io.offset - segment * segmentBytes);
    const completion =
      io.into !== undefined
        ? device.read(at, io.into)
        : io.from !== undefined
          ? device.write(at, io.from, io.options)
          : device.writeZeroes(at, io.length, io.options);
    return completion === OK ? OK : located(completion, io.offset - at);
  }

  #segmentsOf(offset: number, length: number): [first: number, last: number] {
    return [this.#segmentOf(offset), this.#segmentOf(offset + length - 1)];
  }

  /** As an integer that the processor has as one: a table has at most 2^26 segments. */
  #segmentOf(offset: number): number {
    return Math.floor(offset / this.#options.segmentBytes) | 0;
  }

  /** Segments `first` to `end` (exclusive), by the controller. One that is void waits here for what made it so, and dies here. */
  async #giveBack(first: number, end: number, by: Initiation | undefined): Promise<IoResult> {
    for (;;) {
      const known = await this.#known(first, end, by);
      if (known !== OK) return known;
      const held = this.exclusions.held(first, end - 1, by);
      if (held) await cancellable(held, by);
      const outcome = held ? "stale" : await this.unmapping.run(this.table, first, end);
      if (outcome !== "stale") return outcome;
      if (by?.cancelled) return CANCELLED;
    }
  }

  /** Makes sure that no entry of the range is Inv, or E: what fails cannot be given back either. */
  async #known(first: number, end: number, by: Initiation | undefined): Promise<IoResult> {
    for (;;) {
      if (this.#deleted) return NOT_READY;
      const unknown = unknownIn(this.table, first, end);
      if (!Array.isArray(unknown)) return unknown;
      if (unknown.length === 0) return OK;
      const outcome = await cancellable(this.faults.wait(unknown, "read"), by);
      if (outcome === "cancelled") return CANCELLED;
      if (outcome !== "retry") return { kind: "reported", report: outcome };
    }
  }
}
