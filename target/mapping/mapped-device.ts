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
import { EntryState } from "./entry.ts";
import { type ExclusionMessage, Exclusions } from "./exclusions.ts";
import { FaultBook, type FaultOutcome, type OpenFault } from "./fault-book.ts";
import { deviceOf, isPlain, MappingTable, segmentOf, senseOf } from "./mapping-table.ts";
import { type Access, type Io, join, slicePieces, wholeSegments } from "./pieces.ts";
import { References } from "./references.ts";
import { Unmapping, type UnmapRequest } from "./unmapping.ts";

export interface MappedDeviceOptions {
  readonly segmentBytes: number;
  readonly blockBytes: number;
  readonly sizeBytes: number;
  readonly thin: boolean;
  /** The open storage device of a number in entries; undefined where it could not be opened. */
  readonly device: (number: number) => BlockDevice | undefined;
  /** Every device that the disk may lie on: all are synced by a flush. */
  readonly devices: () => readonly BlockDevice[];
  readonly sendFault: (fault: OpenFault, generation: number) => void;
  readonly sendUnmap: (request: UnmapRequest) => void;
  readonly sendExclusion: (message: ExclusionMessage) => void;
  /** Numbers faults and unmaps, unique in the agent's process. */
  readonly nextNumber: () => number;
}

/** What an I/O waits for: segments that fault, or the end of a hold. */
type Obstacle = number[] | Promise<"retry">;

const CANCELLED: IoResult = Object.freeze({ kind: "cancelled" });
const NOT_READY: IoResult = Object.freeze({ kind: "not-ready" });

/** Which states make an access fault (docs/protocol.md, Entry states). E fails before this is asked. */
const FAULTS: Readonly<Record<Access, number>> = {
  read: EntryState.INVALID,
  zero: EntryState.INVALID | EntryState.NO_WRITE,
  write: EntryState.INVALID | EntryState.ZERO | EntryState.NO_WRITE,
};

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
  /** Unmaps that the controller was asked for. */
  readonly #unmaps = new References();

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

  /** A shared segment would be copied first, only to be zeroed: a thin disk gives back whole ones instead. */
  writeZeroes(offset: number, length: number, options?: WriteOptions, by?: Initiation): IoCompletion {
    const shared = this.thin && this.table.noWriteIn(...wholeSegments(offset, length, this.#options, this.#sizeBytes));
    if (shared) return this.unmap(offset, length, by, options);
    return this.#run({ access: "zero", offset, length, options }, by);
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
    for (;;) {
      const known = await this.#known(first, end, by);
      if (known !== OK) return known;
      const held = this.exclusions.held(first, end - 1);
      if (held === undefined) break;
      if ((await cancellable(held, by)) === "cancelled") return CANCELLED;
    }
    const unmapped = this.unmapping.run(this.table, first, end, () => this.#known(first, end, undefined));
    const done = await this.#unmaps.hold(first, end - 1, unmapped);
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
    const extents: ProvisioningExtent[] = [];
    for (let segment = first; segment < end; segment += 1) {
      const from = Math.max(offset, segment * segmentBytes);
      const to = Math.min(offset + length, (segment + 1) * segmentBytes);
      const status = this.table.word0(segment) & EntryState.ZERO ? "deallocated" : "mapped";
      extents.push({ offset: from, length: to - from, status });
    }
    return extents;
  }

  async exclude(offset: number, length: number, by: Initiation): Promise<Exclusion | IoResult> {
    if (this.#deleted) return NOT_READY;
    const [first, last] = this.#segmentsOf(offset, length);
    return (await this.exclusions.request(first, last - first + 1, by)) ?? (by.cancelled ? CANCELLED : NOT_READY);
  }

  /** `hold`: I/O to the segments waits; resolved when what was under way there has ended. */
  async hold(id: string, first: number, count: number): Promise<void> {
    this.exclusions.hold(id, first, count);
    await Promise.all([this.references.drain(first, count), this.#unmaps.drain(first, count)]);
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
    const refused = this.#obstacle(io);
    if (refused === undefined) return this.#issue(io);
    if ("kind" in refused) return refused;
    this.counters.held += 1;
    return this.#held(io, refused, by);
  }

  /** Waits for faults and holds, itself holding nothing, until the I/O may go or has failed. */
  async #held(io: Io, first: Obstacle, by: Initiation | undefined): Promise<IoResult> {
    for (let obstacle = first; ; ) {
      const access = io.access === "read" ? "read" : "write";
      const outcome = await cancellable(
        obstacle instanceof Promise ? obstacle : this.faults.wait(obstacle, access),
        by,
      );
      if (outcome === "cancelled") return CANCELLED;
      if (outcome !== "retry") return { kind: "reported", report: outcome };
      const refused = this.#obstacle(io);
      if (refused === undefined) return this.#issue(io);
      if ("kind" in refused) return refused;
      obstacle = refused;
    }
  }

  /** Nothing, a result that ends the I/O, or what it waits for. */
  #obstacle({ access, offset, length }: Io): undefined | IoResult | Obstacle {
    if (this.#deleted) return NOT_READY;
    const [first, last] = this.#segmentsOf(offset, length);
    const held = this.exclusions.quiet ? undefined : this.exclusions.held(first, last);
    if (held) return held;
    let faulting: number[] | undefined;
    for (let segment = first; segment <= last; segment += 1) {
      const word0 = this.table.word0(segment);
      if (isPlain(word0)) continue;
      if (word0 & EntryState.ERROR) return { kind: "reported", report: senseOf(this.table.word1(segment)) };
      // What reads as zeros need not be zeroed.
      if (access === "zero" && (word0 & (EntryState.ZERO | EntryState.INVALID)) === EntryState.ZERO) continue;
      if (word0 & FAULTS[access]) {
        faulting ??= [];
        faulting.push(segment);
      }
    }
    return faulting;
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
    if (io.into !== undefined) return device.read(at, io.into);
    if (io.from !== undefined) return device.write(at, io.from, io.options);
    return device.writeZeroes(at, io.length, io.options);
  }

  #segmentsOf(offset: number, length: number): [first: number, last: number] {
    const { segmentBytes } = this.#options;
    return [Math.floor(offset / segmentBytes), Math.floor((offset + length - 1) / segmentBytes)];
  }

  /** Makes sure that no entry of the range is Inv, or E: what fails cannot be given back either. */
  async #known(first: number, end: number, by: Initiation | undefined): Promise<IoResult> {
    for (;;) {
      if (this.#deleted) return NOT_READY;
      const unknown: number[] = [];
      for (let segment = first; segment < end; segment += 1) {
        const word0 = this.table.word0(segment);
        if (word0 & EntryState.ERROR) return { kind: "reported", report: senseOf(this.table.word1(segment)) };
        if (word0 & EntryState.INVALID) unknown.push(segment);
      }
      if (unknown.length === 0) return OK;
      const outcome = await cancellable(this.faults.wait(unknown, "read"), by);
      if (outcome === "cancelled") return CANCELLED;
      if (outcome !== "retry") return { kind: "reported", report: outcome };
    }
  }
}

/** The outcome, or "cancelled" as soon as the initiation is. */
function cancellable(waiting: Promise<FaultOutcome>, by: Initiation | undefined): Promise<FaultOutcome | "cancelled"> {
  if (by === undefined) return waiting;
  if (by.cancelled) return Promise.resolve("cancelled");
  return new Promise((resolve, reject) => {
    by.onCancel = () => resolve("cancelled");
    waiting.then((outcome) => {
      by.onCancel = undefined;
      resolve(by.cancelled ? "cancelled" : outcome);
    }, reject);
  });
}
