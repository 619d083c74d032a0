import type { InjectionCounter } from "../injection/agent-rule.ts";

/** Agent counters, per process, as `question counters` answers them. */
export interface AgentCounters {
  /** Messages that this agent sent because of I/O: faults and unmaps. I/O to mapped, unshared segments sends none. */
  readonly faultsSent: number;
  readonly unmapsSent: number;
  readonly messagesSent: number;
  readonly tables: Readonly<Record<string, TableCounters>>;
  /** Of faults on demand. */
  readonly injections: readonly InjectionCounter[];
}
export interface TableCounters {
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** I/O that had to wait for a fault. */
  readonly held: number;
}
