/**
 * A mapped disk of an agent that serves under a lease: without one every command fails, so that
 * hosts go on by another path. The storage devices ask again right before each system call
 * (`DeviceOptions.permit`); here the lease is asked before anything is looked up, and once more
 * before what was read leaves and before a write is acknowledged.
 */
import type {
  BlockDevice,
  DeviceChange,
  Exclusion,
  Initiation,
  IoCompletion,
  IoResult,
  ProvisioningExtent,
  WriteOptions,
} from "../storage/block-device.ts";

/** NOT READY, LOGICAL UNIT NOT ACCESSIBLE, TARGET PORT IN UNAVAILABLE STATE (SPC-4 5.15.2.4.5). */
export const UNAVAILABLE_PORT = { senseKey: 0x2, asc: 0x04, ascq: 0x0c } as const;
const UNAVAILABLE: IoResult = Object.freeze({ kind: "reported", report: UNAVAILABLE_PORT });

export class LeasedDisk implements BlockDevice {
  readonly #disk: BlockDevice;
  readonly #isValid: () => boolean;
  readonly #afterwards = (result: IoResult): IoResult =>
    result.kind === "cancelled" || this.#isValid() ? result : UNAVAILABLE;

  constructor(disk: BlockDevice, isValid: () => boolean) {
    this.#disk = disk;
    this.#isValid = isValid;
  }

  get sizeBytes(): number {
    return this.#disk.sizeBytes;
  }
  get blockBytes(): number {
    return this.#disk.blockBytes;
  }
  get readOnly(): boolean {
    return this.#disk.readOnly;
  }
  get thin(): boolean {
    return this.#disk.thin;
  }
  get allocationBytes(): number {
    return this.#disk.allocationBytes;
  }
  get onChange(): ((change: DeviceChange) => void) | undefined {
    return this.#disk.onChange;
  }
  set onChange(listener: ((change: DeviceChange) => void) | undefined) {
    this.#disk.onChange = listener;
  }

  read(offset: number, into: Uint8Array, by?: Initiation): IoCompletion {
    return this.#isValid() ? this.#checked(this.#disk.read(offset, into, by)) : UNAVAILABLE;
  }

  write(offset: number, from: readonly Uint8Array[], options?: WriteOptions, by?: Initiation): IoCompletion {
    return this.#isValid() ? this.#checked(this.#disk.write(offset, from, options, by)) : UNAVAILABLE;
  }

  flush(by?: Initiation): IoCompletion {
    return this.#isValid() ? this.#checked(this.#disk.flush(by)) : UNAVAILABLE;
  }

  unmap(offset: number, length: number, by?: Initiation): IoCompletion {
    return this.#isValid() ? this.#checked(this.#disk.unmap(offset, length, by)) : UNAVAILABLE;
  }

  writeZeroes(offset: number, length: number, options?: WriteOptions, by?: Initiation): IoCompletion {
    return this.#isValid() ? this.#checked(this.#disk.writeZeroes(offset, length, options, by)) : UNAVAILABLE;
  }

  /** What the table says of allocation; what it does not know counts as mapped. */
  provisioning(offset: number, length: number): ReturnType<BlockDevice["provisioning"]> {
    const unknown: readonly ProvisioningExtent[] = [{ offset, length, status: "mapped" }];
    return this.#isValid() ? this.#disk.provisioning(offset, length) : unknown;
  }

  /** What is done in its name asks for the lease again; others are kept off by the controller until it ends, or this agent does. */
  async exclude(offset: number, length: number, by: Initiation): Promise<Exclusion | IoResult> {
    return this.#isValid() && this.#disk.exclude ? this.#disk.exclude(offset, length, by) : UNAVAILABLE;
  }

  close(): Promise<void> {
    return this.#disk.close();
  }

  #checked(completion: IoCompletion): IoCompletion {
    return completion instanceof Promise ? completion.then(this.#afterwards) : this.#afterwards(completion);
  }
}
