/** A device in memory: sparse, by pages; gone with the process. */
import {
  type BlockDevice,
  type DeviceChange,
  type IoResult,
  OK,
  type ProvisioningExtent,
  type ProvisioningStatus,
} from "./block-device.ts";

const PAGE_BYTES = 64 * 1024;

export interface MemoryDeviceOptions {
  /** A multiple of `blockBytes`. */
  readonly sizeBytes: number;
  /** 512 unless told otherwise. */
  readonly blockBytes?: number;
  readonly readOnly?: boolean;
  /** What hosts are told to align to, as on disks of 512-byte blocks in sectors of 4096; a block unless told otherwise. */
  readonly physicalBlockBytes?: number;
  /** Takes UNMAP, and gives the memory back; yes unless told otherwise. */
  readonly thin?: boolean;
}

export class MemoryDevice implements BlockDevice {
  readonly blockBytes: number;
  readonly physicalBlockBytes: number;
  readonly readOnly: boolean;
  readonly thin: boolean;
  readonly allocationBytes: number;
  /** A write is done within one call, and nothing is left after a loss of power. */
  readonly atomicWriteBytes = 1024 * 1024;
  onChange: ((change: DeviceChange) => void) | undefined;
  #sizeBytes: number;
  readonly #pages = new Map<number, Uint8Array>();
  /** Pages that are there for writes to come: nothing has been written to them. */
  readonly #anchored = new Set<number>();

  constructor(options: MemoryDeviceOptions) {
    this.blockBytes = options.blockBytes ?? 512;
    this.physicalBlockBytes = options.physicalBlockBytes ?? this.blockBytes;
    this.readOnly = options.readOnly ?? false;
    this.thin = options.thin ?? true;
    this.allocationBytes = this.thin ? PAGE_BYTES : this.blockBytes;
    this.#sizeBytes = options.sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What is cut off is gone: a disk that grows again has zeros there. */
  resize(sizeBytes: number): void {
    this.#sizeBytes = sizeBytes;
    for (const [number, page] of this.#pages) {
      const first = number * PAGE_BYTES;
      if (first >= sizeBytes) this.#drop(number);
      else if (first + PAGE_BYTES > sizeBytes) page.fill(0, sizeBytes - first);
    }
    this.onChange?.("capacity");
  }

  read(offset: number, into: Uint8Array): IoResult {
    for (let at = 0; at < into.length; ) {
      const { page, start, length } = place(offset + at, into.length - at);
      const bytes = this.#pages.get(page);
      if (bytes === undefined) into.fill(0, at, at + length);
      else into.set(bytes.subarray(start, start + length), at);
      at += length;
    }
    return OK;
  }

  write(offset: number, from: readonly Uint8Array[]): IoResult {
    if (this.readOnly) return { kind: "write-protected" };
    let to = offset;
    for (const piece of from) {
      for (let at = 0; at < piece.length; ) {
        const { page, start, length } = place(to, piece.length - at);
        this.#anchored.delete(page);
        this.#page(page).set(piece.subarray(at, at + length), start);
        at += length;
        to += length;
      }
    }
    return OK;
  }

  flush(): IoResult {
    return OK;
  }

  unmap(offset: number, length: number): IoResult {
    return this.writeZeroes(offset, length);
  }

  /** Whole pages are told as anchored; of the others what is in the range has its room as part of what is mapped. */
  anchor(offset: number, length: number): IoResult {
    const zeroed = this.writeZeroes(offset, length);
    if (zeroed !== OK) return zeroed;
    for (let at = 0; at < length; ) {
      const { page, length: part } = place(offset + at, length - at);
      this.#page(page);
      if (part === PAGE_BYTES) this.#anchored.add(page);
      at += part;
    }
    return OK;
  }

  writeZeroes(offset: number, length: number): IoResult {
    if (this.readOnly) return { kind: "write-protected" };
    for (let at = 0; at < length; ) {
      const { page, start, length: part } = place(offset + at, length - at);
      if (part === PAGE_BYTES) this.#drop(page);
      else this.#pages.get(page)?.fill(0, start, start + part);
      at += part;
    }
    return OK;
  }

  provisioning(offset: number, length: number): readonly ProvisioningExtent[] {
    if (!this.thin) return [{ offset, length, status: "mapped" }];
    const extents: { offset: number; length: number; status: ProvisioningStatus }[] = [];
    for (let at = 0; at < length; ) {
      const { page, length: part } = place(offset + at, length - at);
      const status = this.#statusOf(page);
      const last = extents.at(-1);
      if (last?.status === status) last.length += part;
      else extents.push({ offset: offset + at, length: part, status });
      at += part;
    }
    return extents;
  }

  /** As much as there are bytes: memory is taken by pages, up to the size of the device. */
  resources(): { availableBytes: number; usedBytes: number } {
    const usedBytes = this.#pages.size * PAGE_BYTES;
    return { usedBytes, availableBytes: Math.max(0, this.#sizeBytes - usedBytes) };
  }

  async close(): Promise<void> {
    this.#pages.clear();
    this.#anchored.clear();
  }

  #statusOf(page: number): ProvisioningStatus {
    if (!this.#pages.has(page)) return "deallocated";
    return this.#anchored.has(page) ? "anchored" : "mapped";
  }

  #drop(page: number): void {
    this.#pages.delete(page);
    this.#anchored.delete(page);
  }

  #page(number: number): Uint8Array {
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new Uint8Array(PAGE_BYTES);
      this.#pages.set(number, page);
    }
    return page;
  }
}

/** The part of a range that lies in its first page. */
function place(offset: number, length: number): { page: number; start: number; length: number } {
  const start = offset % PAGE_BYTES;
  return { page: Math.floor(offset / PAGE_BYTES), start, length: Math.min(length, PAGE_BYTES - start) };
}
