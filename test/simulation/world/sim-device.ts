/** A storage device as one process of an agent has it open: answers at once or later, in any order, and dies with the process. */
import {
  type BlockDevice,
  type DeviceChange,
  type IoCompletion,
  type IoResult,
  OK,
  type ProvisioningExtent,
  type WriteOptions,
} from "node-iscsi-target/storage/block-device.ts";
import { NOT_PERMITTED, type Permit } from "node-iscsi-target/storage/engine/permit.ts";
import { SyncGroup, type SyncHistory } from "node-iscsi-target/storage/engine/sync-group.ts";
import { type DeviceIo, NOBODY } from "../model/device-io.ts";
import { checkInformed } from "../model/vouched-for.ts";
import { type Descriptor, Syncs } from "./disk-troubles.ts";
import type { SimProcess } from "./sim-agent.ts";
import { BLOCK_BYTES, putTag, type SimDisk, tagOf } from "./sim-disk.ts";

export class SimDevice implements BlockDevice {
  readonly blockBytes = BLOCK_BYTES;
  readonly readOnly = false;
  readonly thin = true;
  readonly allocationBytes = BLOCK_BYTES;
  onChange: ((change: DeviceChange) => void) | undefined;
  readonly #disk: SimDisk;
  readonly #process: SimProcess;
  readonly #permit: Permit | undefined;
  readonly #descriptor: Descriptor;
  readonly #syncs: SyncGroup;
  readonly #history: SyncHistory;

  constructor(
    disk: SimDisk,
    process: SimProcess,
    permit: Permit | undefined,
    history: SyncHistory,
    onFailedSync: () => void,
  ) {
    this.#disk = disk;
    this.#process = process;
    this.#permit = permit;
    this.#history = history;
    this.#descriptor = {
      get isDead() {
        return !process.isAlive;
      },
    };
    process.lab.opens(disk);
    const syncs = new Syncs(disk, this.#descriptor);
    this.#syncs = new SyncGroup(
      0,
      (_, done) =>
        this.#sync(syncs, (error) => {
          if (error !== null) onFailedSync();
          done(error);
        }),
      history,
    );
  }

  get path(): string {
    return this.#disk.path;
  }

  get sizeBytes(): number {
    return this.#disk.sizeBytes;
  }

  /** Before it was opened a sync had lost something: others were told of that, or will be, and it never is, and is not waiting for them. */
  get isUninformed(): boolean {
    const { witnesses } = this.#disk;
    const { hasFailed, isUnvouched = false } = this.#history;
    return (
      !hasFailed && !isUnvouched && !witnesses.includes(this.#descriptor) && witnesses.some(({ isDead }) => !isDead)
    );
  }

  read(offset: number, into: Uint8Array): IoCompletion {
    const { chance } = this.#process.lab;
    const first = offset / BLOCK_BYTES;
    const count = into.length / BLOCK_BYTES;
    const sample = (at: number) => putTag(into, at * BLOCK_BYTES, this.#disk.read(first + at));
    const io = this.#io("read", first, count, into.buffer, into);
    return this.#run(io, {
      step: sample,
      // What was read when the call began, and what when it ended, is up to the device.
      early: () => chance.hit(0.5),
      end: () => {
        const bad = this.#disk.badIn(first, count);
        return bad === undefined ? OK : { kind: "medium-error", offset: (bad - first) * BLOCK_BYTES };
      },
      torn: () => undefined,
    });
  }

  write(offset: number, from: readonly Uint8Array[], options?: WriteOptions): IoCompletion {
    const tags = from.flatMap((piece) => blocksOf(piece));
    const io = this.#io("write", offset / BLOCK_BYTES, tags.length, from[0]?.buffer, from[0]);
    return this.#put(io, tags, options);
  }

  writeZeroes(offset: number, length: number, options?: WriteOptions): IoCompletion {
    const io = this.#io("zero", offset / BLOCK_BYTES, length / BLOCK_BYTES, options);
    return this.#put(
      io,
      Array.from({ length: length / BLOCK_BYTES }, () => 0),
      options,
    );
  }

  flush(): IoCompletion {
    return this.#synced();
  }

  /** @throws Violation where it succeeds although a sync had failed before the device was opened, and the process has not heard of that */
  async #synced(): Promise<IoResult> {
    const result = await this.#syncs.sync();
    if (result === OK) this.#process.lab.guard(() => checkInformed(this.#process, this));
    return result;
  }

  #sync(syncs: Syncs, done: (error: Error | null) => void): void {
    const { lab } = this.#process;
    const order = this.#disk.order;
    lab.scheduler.after(lab.chance.delay(lab.config.diskMs), () => {
      if (!this.#process.isAlive) return;
      const error = syncs.end(order);
      this.#process.deliver(() => done(error));
    });
  }

  unmap(offset: number, length: number): IoCompletion {
    return this.writeZeroes(offset, length);
  }

  provisioning(offset: number, length: number): readonly ProvisioningExtent[] {
    return [{ offset, length, status: "mapped" }];
  }

  async close(): Promise<void> {
    this.#disk.descriptors.delete(this.#descriptor);
  }

  /** As `FileDevice` does it: what was written with FUA is synced then. */
  #put(io: DeviceIo, tags: readonly number[], options: WriteOptions | undefined): IoCompletion {
    const { chance } = this.#process.lab;
    const put = (at: number) => this.#disk.write(io.first + at, tags[at] as number);
    const failure = this.#failureOf(io, tags);
    const written = this.#run(io, {
      step: (at) => (failure === OK || chance.hit(0.5) ? put(at) : undefined),
      early: () => chance.hit(0.3),
      end: () => failure,
      torn: (at) => (failure === OK && chance.hit(0.5) ? put(at) : undefined),
    });
    if (options?.fua !== true) return written;
    return Promise.resolve(written).then((result) => (result === OK ? this.#synced() : result));
  }

  #failureOf({ first, count }: DeviceIo, tags: readonly number[]): IoResult {
    const { troubles } = this.#disk;
    if (troubles.has("write")) return { kind: "medium-error", offset: first * BLOCK_BYTES };
    const isNew = tags.some((tag, at) => tag !== 0 && at < count && this.#disk.read(first + at) === 0);
    return troubles.has("full") && isNew ? { kind: "no-space" } : OK;
  }

  #run(io: DeviceIo, work: Work): IoCompletion {
    const { lab } = this.#process;
    if (this.#permit?.() === false) return NOT_PERMITTED;
    lab.guard(() => lab.rules.issued(io));
    const late: number[] = [];
    const isImmediate = lab.chance.hit(lab.config.immediateIo);
    for (let at = 0; at < io.count; at += 1) {
      if (isImmediate || work.early(at)) work.step(at);
      else late.push(at);
    }
    if (isImmediate) {
      lab.rules.ended(io);
      return work.end();
    }
    const { promise, resolve } = Promise.withResolvers<IoResult>();
    const finish = (step: (at: number) => void) => {
      for (const at of late) step(at);
      lab.rules.ended(io);
      this.#process.underWay.delete(torn);
    };
    const torn = () => {
      cancel();
      finish(work.torn);
    };
    this.#process.underWay.add(torn);
    const cancel = lab.scheduler.after(lab.diskDelay(io.path), () => {
      finish(work.step);
      const result = work.end();
      this.#process.deliver(() => resolve(result));
    });
    return promise;
  }

  #io(kind: DeviceIo["kind"], first: number, count: number, carrier: object | undefined, piece?: Uint8Array): DeviceIo {
    const known = carrier && this.#process.lab.contexts.get(carrier);
    const block = kind === "zero" ? undefined : known?.blocks[(piece?.byteOffset ?? 0) / BLOCK_BYTES];
    const { table = NOBODY, unit = "none", initiator } = known ?? {};
    const context = { table, unit, block, ...(initiator !== undefined && { initiator }) };
    return { kind, process: this.#process, path: this.#disk.path, first, count, context };
  }
}

/** What happens to each block of an I/O. */
interface Work {
  readonly step: (at: number) => void;
  /** Whether a block's turn comes as the call begins. */
  readonly early: (at: number) => boolean;
  readonly end: () => IoResult;
  /** The process was killed before the block's turn had come. */
  readonly torn: (at: number) => void;
}

function blocksOf(piece: Uint8Array): number[] {
  return Array.from({ length: piece.length / BLOCK_BYTES }, (_, at) => tagOf(piece, at * BLOCK_BYTES));
}
