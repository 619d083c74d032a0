/** A fault of a storage device: which I/O it fails, and how. */
import type { IoCompletion } from "../storage/block-device.ts";
import type { AgentRule, InjectionCounter } from "./agent-rule.ts";
import { firstOf } from "./bad-blocks.ts";
import type { Operation } from "./rule.ts";
import { Trigger } from "./trigger.ts";

/** What sectors of devices are counted in, whatever blocks they have; as kernels' logs do. */
const SECTOR_BYTES = 512;
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

  /** The failure of an I/O to so many bytes at `offset`, where there is one. */
  failure(op: Operation, offset: number, length: number, nowMs: number): IoCompletion | undefined {
    const { effect, match } = this.rule;
    if (match.ops?.includes(op) === false) return undefined;
    const first = match.sectors === undefined ? offset : firstByteOf(match.sectors, offset, length);
    if (first === undefined || !this.trigger.fires(nowMs)) return undefined;
    return effect.kind === "device-loss" ? LOST : { kind: "medium-error", offset: first };
  }
}

/** Of the first fault that fails it. */
export function failureOf(
  rules: readonly DeviceRule[],
  ...io: Parameters<DeviceRule["failure"]>
): IoCompletion | undefined {
  for (const rule of rules) {
    const failure = rule.failure(...io);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** The first of the bytes that lies in one of the sectors. */
function firstByteOf(
  sectors: NonNullable<AgentRule["match"]["sectors"]>,
  offset: number,
  length: number,
): number | undefined {
  if (length === 0) return undefined;
  const lba = Math.floor(offset / SECTOR_BYTES);
  const sector = firstOf(sectors, lba, Math.ceil((offset + length) / SECTOR_BYTES) - lba);
  return sector === undefined ? undefined : Math.max(offset, sector * SECTOR_BYTES);
}
