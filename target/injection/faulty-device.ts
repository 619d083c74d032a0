/** A storage device that fails on demand: stands before the real one only while there is a fault for it. */
import type { BlockDevice, DeviceChange, Initiation, IoCompletion, WriteOptions } from "../storage/block-device.ts";
import { type DeviceRule, failureOf } from "./device-rule.ts";
import type { Operation } from "./rule.ts";

export class FaultyDevice implements BlockDevice {
  readonly device: BlockDevice;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly readOnly: boolean;
  readonly thin: boolean;
  readonly allocationBytes: number;
  onChange: ((change: DeviceChange) => void) | undefined = undefined;
  readonly #rules: readonly DeviceRule[];
  readonly #nowMs: () => number;

  constructor(device: BlockDevice, rules: readonly DeviceRule[], nowMs: () => number) {
    this.device = device;
    this.sizeBytes = device.sizeBytes;
    this.blockBytes = device.blockBytes;
    this.readOnly = device.readOnly;
    this.thin = device.thin;
    this.allocationBytes = device.allocationBytes;
    this.#rules = rules;
    this.#nowMs = nowMs;
  }

  read(offset: number, into: Uint8Array, by?: Initiation): IoCompletion {
    return this.#failure("read", offset, into.length) ?? this.device.read(offset, into, by);
  }
  write(offset: number, from: readonly Uint8Array[], options?: WriteOptions, by?: Initiation): IoCompletion {
    return this.#failure("write", offset, lengthOf(from)) ?? this.device.write(offset, from, options, by);
  }
  flush(by?: Initiation): IoCompletion {
    return this.#failure("flush", 0, 0) ?? this.device.flush(by);
  }
  unmap(offset: number, length: number, by?: Initiation): IoCompletion {
    return this.#failure("unmap", offset, length) ?? this.device.unmap(offset, length, by);
  }
  writeZeroes(offset: number, length: number, options?: WriteOptions, by?: Initiation): IoCompletion {
    return this.#failure("write", offset, length) ?? this.device.writeZeroes(offset, length, options, by);
  }
  provisioning(offset: number, length: number): ReturnType<BlockDevice["provisioning"]> {
    return this.device.provisioning(offset, length);
  }
  close(): Promise<void> {
    return this.device.close();
  }

  #failure(op: Operation, offset: number, length: number): IoCompletion | undefined {
    return failureOf(this.#rules, op, offset, length, this.#nowMs());
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
