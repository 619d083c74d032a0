import {
  type BlockDevice,
  type DeviceChange,
  type Initiation,
  type IoCompletion,
  type IoResult,
  OK,
  type ProvisioningExtent,
  type WriteOptions,
} from "node-iscsi-target/storage/block-device.ts";

export interface ScriptedDeviceOptions {
  readonly blocks?: number;
  readonly blockBytes?: number;
  readonly thin?: boolean;
  readonly readOnly?: boolean;
  readonly allocationBytes?: number;
  /** Has a key that can be changed; yes unless told otherwise. */
  readonly encrypted?: boolean;
}

export type IoKind = "read" | "write" | "flush" | "unmap" | "writeZeroes";

export interface RecordedIo {
  readonly kind: IoKind;
  readonly offset: number;
  readonly length: number;
  readonly fua: boolean;
}

/**
 * A block device in an array that does as a test says: it holds I/O until released (as a mapped
 * device holds what faults), answers with a given result, and remembers what was asked of it.
 */
export class ScriptedDevice implements BlockDevice {
  readonly blockBytes: number;
  readonly readOnly: boolean;
  readonly thin: boolean;
  readonly allocationBytes: number;
  readonly atomicWriteBytes = 64 * 1024;
  readonly cryptoErase?: () => IoCompletion;
  bytes: Buffer;
  onChange: ((change: DeviceChange) => void) | undefined = undefined;
  readonly ios: RecordedIo[] = [];
  /** What this says instead of doing the I/O; undefined does it. */
  script: (io: RecordedIo) => IoResult | undefined = () => undefined;
  holding = false;
  /** Held I/O that `cancel` does not reach, as one that is at its system call. */
  deaf = false;
  readonly #held = new Set<() => void>();
  readonly #unmapped = new Set<number>();

  constructor({
    blocks = 2048,
    blockBytes = 512,
    thin = true,
    readOnly = false,
    allocationBytes,
    encrypted = true,
  }: ScriptedDeviceOptions = {}) {
    this.blockBytes = blockBytes;
    this.thin = thin;
    this.readOnly = readOnly;
    this.allocationBytes = allocationBytes ?? blockBytes;
    this.bytes = Buffer.alloc(blocks * blockBytes);
    if (encrypted) this.cryptoErase = () => this.#scramble();
    if (thin) for (let block = 0; block < blocks; block++) this.#unmapped.add(block);
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  get heldCount(): number {
    return this.#held.size;
  }

  release(): void {
    this.holding = false;
    for (const go of this.#held) go();
  }

  resize(blocks: number): void {
    const grown = Buffer.alloc(blocks * this.blockBytes);
    this.bytes.copy(grown);
    this.bytes = grown;
    this.onChange?.("capacity");
  }

  read(offset: number, into: Uint8Array, by?: Initiation): IoCompletion {
    return this.#perform({ kind: "read", offset, length: into.length, fua: false }, by, () => {
      into.set(this.bytes.subarray(offset, offset + into.length));
    });
  }

  write(offset: number, from: readonly Uint8Array[], options: WriteOptions = {}, by?: Initiation): IoCompletion {
    const data = Buffer.concat(from);
    return this.#perform({ kind: "write", offset, length: data.length, fua: options.fua === true }, by, () => {
      data.copy(this.bytes, offset);
      this.#mark(offset, data.length, true);
    });
  }

  flush(by?: Initiation): IoCompletion {
    return this.#perform({ kind: "flush", offset: 0, length: 0, fua: false }, by, () => undefined);
  }

  unmap(offset: number, length: number, by?: Initiation): IoCompletion {
    return this.#perform({ kind: "unmap", offset, length, fua: false }, by, () => {
      this.bytes.fill(0, offset, offset + length);
      this.#mark(offset, length, false);
    });
  }

  writeZeroes(offset: number, length: number, options: WriteOptions = {}, by?: Initiation): IoCompletion {
    return this.#perform({ kind: "writeZeroes", offset, length, fua: options.fua === true }, by, () => {
      this.bytes.fill(0, offset, offset + length);
      this.#mark(offset, length, true);
    });
  }

  provisioning(offset: number, length: number): readonly ProvisioningExtent[] {
    const extents: ProvisioningExtent[] = [];
    for (let at = offset; at < offset + length; at += this.blockBytes) {
      const status = this.#unmapped.has(at / this.blockBytes) ? "deallocated" : "mapped";
      extents.push({ offset: at, length: this.blockBytes, status });
    }
    return extents;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** As a change of the key does: what was written is something else now. */
  #scramble(): IoResult {
    for (let at = 0; at < this.bytes.length; at += this.blockBytes) {
      if (this.#unmapped.has(at / this.blockBytes)) continue;
      for (let byte = at; byte < at + this.blockBytes; byte++) this.bytes[byte] = (this.bytes[byte] as number) ^ 0xa5;
    }
    return OK;
  }

  #mark(offset: number, length: number, mapped: boolean): void {
    for (let at = offset; at < offset + length; at += this.blockBytes) {
      if (mapped) this.#unmapped.delete(at / this.blockBytes);
      else this.#unmapped.add(at / this.blockBytes);
    }
  }

  #perform(io: RecordedIo, by: Initiation | undefined, effect: () => void): IoCompletion {
    const inRange = io.offset >= 0 && io.offset + io.length <= this.sizeBytes;
    if (!inRange || io.offset % this.blockBytes || io.length % this.blockBytes) {
      throw new RangeError(`${io.kind} of ${io.length} bytes at ${io.offset} is not within the device.`);
    }
    this.ios.push(io);
    return this.holding ? this.#hold(io, by, effect) : this.#finish(io, effect);
  }

  #finish(io: RecordedIo, effect: () => void): IoResult {
    const scripted = this.script(io);
    if (scripted) return scripted;
    effect();
    return OK;
  }

  #hold(io: RecordedIo, by: Initiation | undefined, effect: () => void): Promise<IoResult> {
    const { promise, resolve } = Promise.withResolvers<IoResult>();
    const release = () => {
      this.#held.delete(release);
      if (by) by.onCancel = undefined;
      resolve(this.#finish(io, effect));
    };
    this.#held.add(release);
    if (by && !this.deaf) {
      by.onCancel = () => {
        this.#held.delete(release);
        by.onCancel = undefined;
        resolve({ kind: "cancelled" });
      };
    }
    return promise;
  }
}
