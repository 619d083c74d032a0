/** How the copies of one nexus went, for RECEIVE COPY STATUS and RECEIVE ROD TOKEN INFORMATION (SPC-4 6.24 to 6.26). */
import type { Execution } from "../transport.ts";
import { MAX_CONCURRENT_COPIES } from "./limits.ts";

/** `partial`: without an error, but not all that was asked for. `terminated`: aborted by task management. */
export type CopyStatus = "running" | "completed" | "failed" | "partial" | "terminated";

/** Which form of command: by the size of its list identifiers. */
export type ListIdBytes = 1 | 4;

/** COPY STATUS TRANSFER COUNT UNITS (SPC-4 table 251): KiB, or blocks of the destination. */
export const TransferUnits = { KIB: 0x01, BLOCKS: 0xf1 } as const;

/** Who began a copy, and how its progress counts. */
export interface CopyKind {
  readonly idBytes: ListIdBytes;
  /** SERVICE ACTION of the command. */
  readonly serviceAction: number;
  readonly units: (typeof TransferUnits)[keyof typeof TransferUnits];
  /** Bytes of one unit. */
  readonly unitBytes: number;
}

export class CopyProgress {
  readonly kind: CopyKind;
  status: CopyStatus = "running";
  segments = 0;
  bytes = 0;
  /** Of a copy that did not do all that it should. */
  sense: Uint8Array | undefined = undefined;
  /** What POPULATE TOKEN made. */
  token: Uint8Array | undefined = undefined;
  /** RECEIVE COPY STATUS (LID1) has told how it ended; its failure details are told apart from that. */
  told = false;

  constructor(kind: CopyKind) {
    this.kind = kind;
  }

  get transferCount(): number {
    return Math.floor(this.bytes / this.kind.unitBytes);
  }

  /** The copy is over. */
  end(execution: Execution, partial = false): void {
    if (execution.kind === "aborted") {
      this.status = "terminated";
      return;
    }
    this.sense = execution.sense;
    if (execution.sense === undefined) this.status = "completed";
    else this.status = partial ? "partial" : "failed";
  }
}

/** By list identifier; of those that have ended, the latest. */
export class CopyResults {
  readonly #byList = new Map<number, CopyProgress>();

  /** Undefined where a copy with this identifier is still under way, or too many are. */
  begin(listId: number, kind: CopyKind): CopyProgress | undefined {
    if (this.#byList.get(listId)?.status === "running") return undefined;
    this.#byList.delete(listId);
    for (const [old, { status }] of this.#byList) {
      if (this.#byList.size < MAX_CONCURRENT_COPIES) break;
      if (status !== "running") this.#byList.delete(old);
    }
    if (this.#byList.size >= MAX_CONCURRENT_COPIES) return undefined;
    const progress = new CopyProgress(kind);
    this.#byList.set(listId, progress);
    return progress;
  }

  of(listId: number, idBytes: ListIdBytes): CopyProgress | undefined {
    const progress = this.#byList.get(listId);
    return progress?.kind.idBytes === idBytes ? progress : undefined;
  }

  /** Its results have been told, and are not kept any longer. One that is under way is. */
  discard(listId: number): void {
    if (this.#byList.get(listId)?.status !== "running") this.#byList.delete(listId);
  }

  /** SPC-4 6.24: a reset discards what has ended. */
  discardAll(): void {
    for (const listId of this.#byList.keys()) this.discard(listId);
  }
}
