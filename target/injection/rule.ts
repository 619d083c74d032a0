/**
 * An injected fault as data: which commands or parts of the lab, when, and what happens. Made from
 * text by `parse.ts`, described in docs/faults.md; plain JSON, so that it can be sent to agents.
 */
import type { BlockRange } from "./bad-blocks.ts";

export const OPERATIONS = ["read", "write", "flush", "unmap", "other"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Which: every selector that is there must hold; of several values of one selector, any. */
export interface Selection {
  readonly disk?: readonly string[];
  readonly agent?: readonly string[];
  readonly host?: readonly string[];
  /** HOST/AGENT. */
  readonly path?: readonly string[];
  readonly op?: readonly Operation[];
  /** Commands that touch a block of one of these ranges, in ascending order, none next to another. */
  readonly lba?: readonly BlockRange[];
  /** "read-10", or an operation code as "0x28". */
  readonly command?: readonly string[];
  /** A storage device by its number or the last part of its path. */
  readonly device?: readonly string[];
  /** I/O to a storage device that touches a sector of one of these ranges, as `lba` has them. */
  readonly sector?: readonly BlockRange[];
  readonly pool?: readonly string[];
}
export type Selector = keyof Selection;

/** A bound of `from` and `until`: the n-th match, or the time since the fault was added. */
export type Bound = { readonly match: number } | { readonly afterMs: number };

/** When: of the matches between `from` and `until`, every n-th, with a probability, until `first` have fired. */
export interface Occasion {
  readonly from?: Bound;
  readonly until?: Bound;
  readonly every?: number;
  readonly probability?: number;
  readonly first?: number;
  /** Of all draws of this fault; 0 where none is given. */
  readonly seed: number;
}

/** What happens to a command, at the agent. */
export type CommandEffect =
  | { readonly kind: "sense"; readonly senseKey: number; readonly asc: number; readonly ascq: number }
  | { readonly kind: "busy" | "task-set-full" | "reservation-conflict" }
  | { readonly kind: "delay"; readonly minMs: number; readonly maxMs: number }
  | { readonly kind: "stuck" | "drop-connection" | "lose-write" | "lose-response" | "damage-digest" | "bad-blocks" }
  | { readonly kind: "short-data"; readonly bytes: number }
  | { readonly kind: "throughput"; readonly bytesPerSecond: number };

/** What happens to a storage device, as an agent sees it, and the controller. */
export type DeviceEffect = { readonly kind: "device-error" | "device-loss" };

/** What happens to a part of the lab. */
export type ActionEffect = {
  readonly kind:
    | "portal-down"
    | "agent-kill"
    | "agent-pause"
    | "agent-cut"
    | "pool-full"
    | "controller-kill"
    | "power-cut";
};

export type Effect = CommandEffect | DeviceEffect | ActionEffect;
export type EffectKind = Effect["kind"];

export interface InjectionRule {
  readonly on: Selection;
  readonly when: Occasion;
  readonly effect: Effect;
}
