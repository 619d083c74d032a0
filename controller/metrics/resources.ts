/** `GET /v1/sample`: counters since each agent's process began, and for paths since each session's login. */
export interface Sample {
  /** The controller's clock, ms. */
  readonly atMs: number;
  readonly agents: readonly AgentSample[];
  readonly disks: readonly DiskSample[];
  readonly paths: readonly PathSample[];
  readonly pools: readonly PoolSample[];
  readonly faults: readonly FaultSample[];
}
export interface AgentSample {
  readonly agent: string;
  /** It answers the controller now. */
  readonly up: boolean;
  readonly faultsSent: number;
  readonly unmapsSent: number;
  readonly messagesSent: number;
}
/** A disk through one agent. */
export interface DiskSample {
  readonly disk: string;
  readonly agent: string;
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** I/O that had to wait for a fault. */
  readonly held: number;
}
/** A host at one agent. */
export interface PathSample {
  readonly host: string;
  readonly agent: string;
  readonly sessions: number;
  /** SCSI commands under way. */
  readonly queue: number;
  readonly commands: number;
  /** From the host, and to it. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}
export interface PoolSample {
  readonly pool: string;
  readonly segments: number;
  readonly usedSegments: number;
  readonly segmentBytes: number;
}
export interface FaultSample {
  readonly fault: string;
  readonly agent: string;
  readonly matched: number;
  readonly fired: number;
}
