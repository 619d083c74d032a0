/** RECEIVE COPY RESULTS (SPC-4 6.27): COPY STATUS and OPERATING PARAMETERS. */
import { CopyStatusLid1, OperatingParametersLid1 } from "../cdb.ts";
import { type Command, goodWith } from "../command.ts";
import { CopyStatusData, OperatingParameters } from "../copy/layouts.ts";
import * as limits from "../copy/limits.ts";
import type { ScsiResult } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

const BYTES_PER_KIB = 1024;
/** TRANSFER COUNT UNITS 01h: KiB (SPC-4 table 258). */
const IN_KIB = 1;

export const receiveCopyResultsCommands: readonly CommandDefinition[] = [
  { cdb: CopyStatusLid1, access: "none", conflicts: "any", execute: copyStatus },
  { cdb: OperatingParametersLid1, access: "none", conflicts: "any", execute: operatingParameters },
];

function copyStatus(command: Command): ScsiResult {
  const { cdb, itl } = command;
  const progress = itl.copies.of(CopyStatusLid1.listId.get(cdb, 0));
  if (!progress) return command.invalidField(CopyStatusLid1.listId);
  const { status, segments, bytes } = progress;
  const data = CopyStatusData.encode({
    availableBytes: CopyStatusData.sizeBytes - 4,
    status,
    segments,
    transferUnits: IN_KIB,
    transferCount: Math.floor(bytes / BYTES_PER_KIB),
  });
  return goodWith(data, CopyStatusLid1.allocationBytes.get(cdb, 0));
}

function operatingParameters({ cdb }: Command): ScsiResult {
  const types = Buffer.from(Object.values(limits.DescriptorType));
  const data = OperatingParameters.encode({
    availableBytes: OperatingParameters.sizeBytes + types.length - 4,
    maxCscds: limits.MAX_CSCDS,
    maxSegments: limits.MAX_SEGMENTS,
    maxDescriptorBytes: limits.MAX_DESCRIPTOR_BYTES,
    maxSegmentBytes: limits.MAX_SEGMENT_BYTES,
    totalConcurrentCopies: limits.MAX_CONCURRENT_COPIES,
    maxConcurrentCopies: limits.MAX_CONCURRENT_COPIES,
    dataGranularity: limits.DATA_GRANULARITY,
    descriptorTypes: types.length,
  });
  return goodWith(Buffer.concat([data, types]), OperatingParametersLid1.allocationBytes.get(cdb, 0));
}
