/** What the conformance suite is run against. */
import { MAPPED_INITIATORS, startMappedDisk } from "../helpers/mapped-disk.ts";
import { servedImage } from "../helpers/served-image.ts";
import { startTarget } from "../helpers/target-command.ts";
import { type ServedDisk, startTgt } from "../helpers/tgt.ts";

const SIZE_MIB = 128;

export interface Profile {
  readonly name: string;
  readonly what: string;
  /** tgt is there to compare with: its failures are not ours. */
  readonly ours: boolean;
  start(): Promise<ServedDisk>;
}

export const PROFILES: readonly Profile[] = [
  {
    name: "file",
    what: "sanlab target, image file",
    ours: true,
    start: () => servedImage(SIZE_MIB, (path) => startTarget(`${path},thin`)),
  },
  {
    name: "memory",
    what: "sanlab target, memory",
    ours: true,
    start: () => startTarget(`mem,thin,size=${SIZE_MIB}MiB`),
  },
  { name: "mapped", what: "disk of a lab", ours: true, start: () => startMappedDisk(SIZE_MIB) },
  { name: "tgt", what: "tgtd, image file", ours: false, start: () => servedImage(SIZE_MIB, startTgt) },
];

/** Every profile lets these two in. */
export const [INITIATOR, SECOND_INITIATOR] = MAPPED_INITIATORS;
