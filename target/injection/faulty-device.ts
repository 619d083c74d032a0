/** A storage device that fails on demand: stands before the real one only while there is a fault for it. */
import type { BlockDevice, DeviceChange, Initiation, IoCompletion, WriteOptions } from "../storage/block-device.ts";
import type { AgentRule, InjectionCounter } from "./agent-rule.ts";
import type { Operation } from "./rule.ts";
import { Trigger } from "./trigger.ts";

/** HARDWARE ERROR, LOGICAL UNIT FAILURE (SPC-4 annex F): what is behind the unit is gone. */
const LOST: IoCompletion = { kind: "reported", report: { senseKey: 0x4, asc: 0x3e, ascq: 0x01 } };

/** One fault of a device, with its counters. */
export class DeviceRule {
  readonly rule: AgentRule;
  readonly trigger: Trigger;

  constructor(rule: AgentRule, stream: string) {
    this.rule = rule;
    this.trigger = new Trigger(rule.when, rule.addedAtMs, stream);
  }

  get counter(): InjectionCounter {
    return { name: this.rule.name, matched: this.trigger.matched, fired: this.trigger.fired };
  }

  /** The failure of an I/O at `offset`, where there is one. */
  failure(op: Operation, offset: number, nowMs: number): IoCompletion | undefined {
    if (this.rule.match.ops?.includes(op) === false || !this.trigger.fires(nowMs)) return undefined;
    return this.rule.effect.kind === "device-loss" ? LOST : { kind: "medium-error", offset };
  }
}

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
    return this.#failure("read", offset) ?? this.device.read(offset, into, by);
  }
  write(offset: number, from: readonly Uint8Array[], options?: WriteOptions, by?: Initiation): IoCompletion {
    return this.#failure("write", offset) ?? this.device.write(offset, from, options, by);
  }
  flush(by?: Initiation): IoCompletion {
    return this.#failure("flush", 0) ?? this.device.flush(by);
  }
  unmap(offset: number, length: number, by?: Initiation): IoCompletion {
    return this.#failure("unmap", offset) ?? this.device.unmap(offset, length, by);
  }
  writeZeroes(offset: number, length: number, options?: WriteOptions, by?: Initiation): IoCompletion {
    return this.#failure("write", offset) ?? this.device.writeZeroes(offset, length, options, by);
  }
  provisioning(offset: number, length: number): ReturnType<BlockDevice["provisioning"]> {
    return this.device.provisioning(offset, length);
  }
  close(): Promise<void> {
    return this.device.close();
  }

  #failure(op: Operation, offset: number): IoCompletion | undefined {
    for (const rule of this.#rules) {
      const failure = rule.failure(op, offset, this.#nowMs());
      if (failure !== undefined) return failure;
    }
    return undefined;
  }
}
