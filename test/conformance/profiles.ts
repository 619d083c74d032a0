/** What the conformance suite is run against. */
import { MemoryDevice } from "node-iscsi-target";
import { MAPPED_INITIATORS, startMappedDisk } from "../helpers/mapped-disk.ts";
import { serveDevice } from "../helpers/served-device.ts";
import { servedImage } from "../helpers/served-image.ts";
import { startTarget } from "../helpers/target-command.ts";
import { type ServedDisk, startTgt } from "../helpers/tgt.ts";

const SIZE_MIB = 128;

export interface Profile {
  readonly name: string;
  readonly what: string;
  /** tgt is there to compare with: its failures are not ours. */
  readonly ours: boolean;
  /** Where it is not all of them. */
  readonly families?: readonly string[];
  /** The disk takes no writes: a test that wants one to succeed is told apart from those that fail. */
  readonly writeProtected?: true;
  start(): Promise<ServedDisk>;
}

const file = (options: string) => () => servedImage(SIZE_MIB, (path) => startTarget(`${path}${options}`));
const memory = (options: string) => () => startTarget(`mem${options},size=${SIZE_MIB}MiB`);

export const PROFILES: readonly Profile[] = [
  { name: "file", what: "image file, thin", ours: true, start: file(",thin") },
  { name: "memory", what: "memory, thin", ours: true, start: memory(",thin") },
  {
    name: "read-only",
    what: "image file, thin, read-only",
    ours: true,
    writeProtected: true,
    start: file(",ro,thin"),
  },
  { name: "removable", what: "memory, removable, thin", ours: true, start: memory(",removable,thin") },
  { name: "encrypted", what: "memory, thin, encrypted", ours: true, start: memory(",thin,encrypted") },
  { name: "4096", what: "image file, blocks of 4096 bytes", ours: true, start: file(",blocksize=4096") },
  {
    name: "512e",
    what: "memory, thin, blocks of 512 bytes in physical ones of 4096, through the library: the suites that look at these",
    ours: true,
    // GetLBAStatus.UnmapSingle asks for the status of the next logical block and expects that of the next physical one.
    families: ["ALL.CompareAndWrite", "ALL.WriteSame10", "ALL.WriteSame16"],
    start: () => serveDevice(new MemoryDevice({ sizeBytes: SIZE_MIB * 1024 * 1024, physicalBlockBytes: 4096 })),
  },
  {
    name: "mapped",
    what: "disk of a lab, thin, through two agents",
    ours: true,
    start: () => startMappedDisk(SIZE_MIB, { twoAgents: true }),
  },
  { name: "thick", what: "disk of a lab, thick", ours: true, start: () => startMappedDisk(SIZE_MIB, { thick: true }) },
  { name: "tgt", what: "tgtd, image file", ours: false, start: () => servedImage(SIZE_MIB, startTgt) },
];

/** Every profile lets these two in. */
export const [INITIATOR, SECOND_INITIATOR] = MAPPED_INITIATORS;
