/** How the copies of one nexus went, for RECEIVE COPY RESULTS (SPC-4 6.27.2). */
import { MAX_CONCURRENT_COPIES } from "./limits.ts";

/** COPY MANAGER STATUS (SPC-4 table 257). */
export const CopyStatus = { IN_PROGRESS: 0, COMPLETED: 1, FAILED: 2 } as const;

export interface CopyProgress {
  status: (typeof CopyStatus)[keyof typeof CopyStatus];
  segments: number;
  bytes: number;
}

/** By list identifier; of those that have ended, the latest. */
export class CopyResults {
  readonly #byList = new Map<number, CopyProgress>();

  /** Undefined where a copy with this identifier is still under way, or too many are. */
  begin(listId: number): CopyProgress | undefined {
    if (this.#byList.get(listId)?.status === CopyStatus.IN_PROGRESS) return undefined;
    this.#byList.delete(listId);
    for (const [old, { status }] of this.#byList) {
      if (this.#byList.size < MAX_CONCURRENT_COPIES) break;
      if (status !== CopyStatus.IN_PROGRESS) this.#byList.delete(old);
    }
    if (this.#byList.size >= MAX_CONCURRENT_COPIES) return undefined;
    const progress: CopyProgress = { status: CopyStatus.IN_PROGRESS, segments: 0, bytes: 0 };
    this.#byList.set(listId, progress);
    return progress;
  }

  of(listId: number): CopyProgress | undefined {
    return this.#byList.get(listId);
  }
}
