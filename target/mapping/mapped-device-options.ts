/** What a mapped disk needs to know, and whom it asks. */
import type { BlockDevice } from "../storage/block-device.ts";
import type { ExclusionMessage } from "./exclusions.ts";
import type { OpenFault } from "./fault-book.ts";
import type { UnmapRequest } from "./unmapping.ts";

export interface MappedDeviceOptions {
  readonly segmentBytes: number;
  readonly blockBytes: number;
  readonly sizeBytes: number;
  readonly thin: boolean;
  /** The open storage device of a number in entries; undefined where it could not be opened. */
  readonly device: (number: number) => BlockDevice | undefined;
  /** Every device that the disk may lie on: all are synced by a flush. */
  readonly devices: () => readonly BlockDevice[];
  readonly sendFault: (fault: OpenFault, generation: number) => void;
  readonly sendUnmap: (request: UnmapRequest) => void;
  readonly sendExclusion: (message: ExclusionMessage) => void;
  /** Numbers faults and unmaps, unique in the agent's process. */
  readonly nextNumber: () => number;
}
