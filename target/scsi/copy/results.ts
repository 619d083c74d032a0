/** How the copies of one nexus went, for RECEIVE COPY STATUS (SPC-4 6.26, 6.27). */
import { MAX_CONCURRENT_COPIES } from "./limits.ts";

export const CopyStatus = { IN_PROGRESS: 0, COMPLETED: 1, FAILED: 2 } as const;

/** Which form of EXTENDED COPY: by the size of its list identifiers. */
export type ListIdBytes = 1 | 4;

export interface CopyProgress {
  readonly idBytes: ListIdBytes;
  status: (typeof CopyStatus)[keyof typeof CopyStatus];
  segments: number;
  bytes: number;
  /** Of a copy that failed. */
  sense: Uint8Array | undefined;
}

export function newProgress(idBytes: ListIdBytes): CopyProgress {
  return { idBytes, status: CopyStatus.IN_PROGRESS, segments: 0, bytes: 0, sense: undefined };
}

/** By list identifier; of those that have ended, the latest. */
export class CopyResults {
  readonly #byList = new Map<number, CopyProgress>();

  /** Undefined where a copy with this identifier is still under way, or too many are. */
  begin(listId: number, idBytes: ListIdBytes): CopyProgress | undefined {
    if (this.#byList.get(listId)?.status === CopyStatus.IN_PROGRESS) return undefined;
    this.#byList.delete(listId);
    for (const [old, { status }] of this.#byList) {
      if (this.#byList.size < MAX_CONCURRENT_COPIES) break;
      if (status !== CopyStatus.IN_PROGRESS) this.#byList.delete(old);
    }
    if (this.#byList.size >= MAX_CONCURRENT_COPIES) return undefined;
    const progress = newProgress(idBytes);
    this.#byList.set(listId, progress);
    return progress;
  }

  of(listId: number, idBytes: ListIdBytes): CopyProgress | undefined {
    const progress = this.#byList.get(listId);
    return progress?.idBytes === idBytes ? progress : undefined;
  }
}
