/**
 * A device whose contents lie encrypted on another, so that a change of the key makes all of them
 * unreadable at once (SANITIZE, CRYPTOGRAPHIC ERASE: SBC-4 4.11).
 *
 * It is a stand-in for disks that encrypt themselves, to try what hosts do with one. It keeps
 * secrets only as well as its key is kept, and says nothing when somebody changes what it stored.
 */
import { randomBytes } from "node:crypto";
import {
  type BlockDevice,
  type DeviceChange,
  type Initiation,
  type IoCompletion,
  type IoResult,
  OK,
  type ProvisioningExtent,
  type WriteOptions,
} from "../block-device.ts";
import { outcomeOf } from "../engine/outcome.ts";
import { BlockCipher, KEY_BYTES } from "./block-cipher.ts";
import { type KeyStore, MemoryKeyStore } from "./key-store.ts";

export class EncryptedDevice implements BlockDevice {
  readonly blockBytes: number;
  readonly readOnly: boolean;
  readonly thin: boolean;
  readonly allocationBytes: number;
  readonly atomicWriteBytes?: number;
  readonly physicalBlockBytes?: number;
  readonly anchor?: NonNullable<BlockDevice["anchor"]>;
  readonly resources?: () => { readonly availableBytes: number; readonly usedBytes: number };
  readonly #device: BlockDevice;
  readonly #keys: KeyStore;
  #cipher: BlockCipher;

  /**
   * @param device to be used through this only; what was on it before reads as noise
   * @param keys without them the key is in memory only, and the contents are lost with the process
   */
  constructor(device: BlockDevice, keys: KeyStore = new MemoryKeyStore()) {
    this.#device = device;
    this.#keys = keys;
    this.blockBytes = device.blockBytes;
    this.readOnly = device.readOnly;
    this.thin = device.thin;
    this.allocationBytes = device.allocationBytes;
    if (device.atomicWriteBytes !== undefined) this.atomicWriteBytes = device.atomicWriteBytes;
    if (device.physicalBlockBytes !== undefined) this.physicalBlockBytes = device.physicalBlockBytes;
    if (device.anchor !== undefined) this.anchor = device.anchor.bind(device);
    if (device.resources !== undefined) this.resources = device.resources.bind(device);
    this.#cipher = new BlockCipher(keys.load(), device.blockBytes);
  }

  get sizeBytes(): number {
    return this.#device.sizeBytes;
  }

  get onChange(): ((change: DeviceChange) => void) | undefined {
    return this.#device.onChange;
  }

  set onChange(listener: ((change: DeviceChange) => void) | undefined) {
    this.#device.onChange = listener;
  }

  read(offset: number, into: Uint8Array, by?: Initiation): IoCompletion {
    const completion = this.#device.read(offset, into, by);
    if (completion instanceof Promise) return completion.then((result) => this.#decrypt(offset, into, result));
    return this.#decrypt(offset, into, completion);
  }

  write(offset: number, from: readonly Uint8Array[], options?: WriteOptions, by?: Initiation): IoCompletion {
    const [first] = from;
    const data = first && from.length === 1 ? first : Buffer.concat(from);
    return this.#device.write(offset, [this.#cipher.encrypt(this.#block(offset), data)], options, by);
  }

  flush(by?: Initiation): IoCompletion {
    return this.#device.flush(by);
  }

  unmap(offset: number, length: number, by?: Initiation): IoCompletion {
    return this.#device.unmap(offset, length, by);
  }

  writeZeroes(offset: number, length: number, options?: WriteOptions, by?: Initiation): IoCompletion {
    return this.#device.writeZeroes(offset, length, options, by);
  }

  provisioning(offset: number, length: number): readonly ProvisioningExtent[] | Promise<readonly ProvisioningExtent[]> {
    return this.#device.provisioning(offset, length);
  }

  async cryptoErase(): Promise<IoResult> {
    if (this.readOnly) return { kind: "write-protected" };
    try {
      await this.#keys.replace(randomBytes(KEY_BYTES));
      return OK;
    } catch (error) {
      return outcomeOf(error, 0);
    } finally {
      this.#cipher.forget();
      this.#cipher = new BlockCipher(this.#keys.load(), this.blockBytes);
    }
  }

  close(): Promise<void> {
    return this.#device.close();
  }

  #decrypt(offset: number, into: Uint8Array, result: IoResult): IoResult {
    if (result === OK) this.#cipher.decrypt(this.#block(offset), into);
    return result;
  }

  #block(offset: number): number {
    return offset / this.blockBytes;
  }
}
