/** RECEIVE COPY STATUS (LID1) and (LID4), and RECEIVE COPY OPERATING PARAMETERS (SPC-4 6.26, 6.27). */
import { CopyStatusLid1, CopyStatusLid4, ExtendedCopyLid4, OperatingParametersLid1 } from "../cdb.ts";
import { type Command, goodWith } from "../command.ts";
import { CopyStatusData, CopyStatusDataLid4, OperatingParameters } from "../copy/layouts.ts";
import * as limits from "../copy/limits.ts";
import { type ScsiResult, Status } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

/** COPY OPERATION STATUS (SPC-4 table 254): in progress is 10h there. */
const OPERATION_STATUS = { 0: 0x10, 1: 0x01, 2: 0x02 } as const;
const BYTES_PER_KIB = 1024;
/** TRANSFER COUNT UNITS 01h: KiB (SPC-4 table 258). */
const IN_KIB = 1;

export const receiveCopyResultsCommands: readonly CommandDefinition[] = [
  { cdb: CopyStatusLid1, access: "none", conflicts: "any", execute: copyStatus },
  { cdb: CopyStatusLid4, access: "none", conflicts: "any", execute: copyStatusLid4 },
  { cdb: OperatingParametersLid1, access: "none", conflicts: "any", execute: operatingParameters },
];

function copyStatus(command: Command): ScsiResult {
  const { cdb, itl } = command;
  const progress = itl.copies.of(CopyStatusLid1.listId.get(cdb, 0), 1);
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

function copyStatusLid4(command: Command): ScsiResult {
  const { cdb, itl } = command;
  const progress = itl.copies.of(CopyStatusLid4.listId.get(cdb, 0), 4);
  if (!progress) return command.invalidField(CopyStatusLid4.listId);
  const { status, segments, bytes, sense = Buffer.alloc(0) } = progress;
  const data = CopyStatusDataLid4.encode({
    availableBytes: CopyStatusDataLid4.sizeBytes + sense.length - 4,
    serviceAction: ExtendedCopyLid4.serviceAction ?? 0,
    status: OPERATION_STATUS[status],
    completionStatus: sense.length > 0 ? Status.CHECK_CONDITION : Status.GOOD,
    senseFieldBytes: sense.length,
    senseBytes: sense.length,
    transferUnits: IN_KIB,
    transferCount: Math.floor(bytes / BYTES_PER_KIB),
    segments,
  });
  return goodWith(Buffer.concat([data, sense]), CopyStatusLid4.allocationBytes.get(cdb, 0));
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
