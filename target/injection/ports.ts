import type { Nexus } from "../scsi/transport.ts";

/** What injected faults need of their surroundings. */
export interface InjectionPorts {
  /** Names the agent in draws. */
  readonly stream: string;
  /** ms since 1970. */
  nowMs(): number;
  /** Calls back once, after `ms`; the result takes that back. */
  after(ms: number, run: () => void): () => void;
  /** Blocks that a fault had made bad were written anew. */
  repaired(fault: string, first: number, last: number): void;
  /** Cuts the connection of a session. */
  reset(nexus: Nexus): void;
  /** Whether a session has negotiated digests. */
  hasDigest(nexus: Nexus): boolean;
  /** Makes the next digest wrong that is sent in a session. */
  damageNextDigest(nexus: Nexus): void;
}
