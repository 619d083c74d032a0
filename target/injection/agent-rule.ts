import type { BlockRange } from "./bad-blocks.ts";
import type { InjectionRule, Operation } from "./rule.ts";

/** An injected fault as the controller sends it to an agent: names are what the agent knows units and hosts by. */
export interface AgentRule {
  readonly name: string;
  /** ms since 1970. */
  readonly addedAtMs: number;
  readonly effect: InjectionRule["effect"];
  readonly when: InjectionRule["when"];
  /** Absent: all. Empty: none, as of a disk that is not there. */
  readonly match: AgentMatch;
  /** Of bad blocks: those that have been written anew, through whichever agent. */
  readonly repaired?: readonly BlockRange[];
}

export interface AgentMatch {
  /** Unit serial numbers (VPD 80h) of disks. */
  readonly serials?: readonly string[];
  /** Initiator names of hosts. */
  readonly initiators?: readonly string[];
  readonly ops?: readonly Operation[];
  readonly lba?: readonly BlockRange[];
  readonly commands?: readonly string[];
  /** Storage devices by their number. */
  readonly devices?: readonly number[];
  /** Of a storage device, 512 bytes each. */
  readonly sectors?: readonly BlockRange[];
}

/** Of one fault at one agent. */
export interface InjectionCounter {
  readonly name: string;
  readonly matched: number;
  readonly fired: number;
}
