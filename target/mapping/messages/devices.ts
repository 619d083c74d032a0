/** Storage devices that an agent opens, and what it keeps under a new epoch. */
import type { Envelope, Numbered } from "./session.ts";

/** Everything not listed is dropped, as by the delete and unpublish messages. First after `welcome` under a new epoch or to a fresh process. */
export interface Keep extends Numbered {
  readonly type: "keep";
  readonly devices: readonly number[];
  readonly tables: readonly string[];
  readonly units: readonly string[];
  readonly initiators: readonly string[];
}

/** A storage device to open. `device` is its number in entries, never reused in a cluster; segment 0 holds the label, whose UUID the agent checks. */
export interface AddDevice extends Numbered {
  readonly type: "add_device";
  readonly device: number;
  readonly uuid: string;
  readonly path: string;
  readonly segmentBytes: number;
  /** Past the page cache (O_DIRECT), since other machines use the device too. One that is open otherwise is opened anew. */
  readonly direct: boolean;
  /** Devices of one pool are synced together (docs/protocol.md, rule 7). */
  readonly pool: string;
  /** A sync of it has failed, wherever: no flush of it succeeds. */
  readonly unsynced?: boolean;
  /** How often somebody has seen to that; absent: never. One that is open otherwise is opened anew. */
  readonly openings?: number;
  /** It was taken out by force after that, and is not to be opened: it keeps flushes from succeeding, and does nothing else. */
  readonly removed?: boolean;
  /** What was written there is on its medium, or said not to be (`unsynced`), when this is acknowledged. */
  readonly sync?: boolean;
  /** Others have synced it since the agent had opened it (`unvouched` of the acknowledgement). One that is open stays so. */
  readonly vouched?: boolean;
}

/** A device of which a sync has failed, in which of its openings. */
export interface UnsyncedDevice {
  readonly device: number;
  readonly openings: number;
}

/** Agent → controller: a sync has just failed. Said again with every hello. */
export interface Unsynced extends Envelope, UnsyncedDevice {
  readonly type: "unsynced";
}

export interface RemoveDevice extends Numbered {
  readonly type: "remove_device";
  readonly device: number;
}
