/**
 * RECEIVE COPY STATUS (LID1) and (LID4), RECEIVE COPY FAILURE DETAILS (LID1), RECEIVE ROD TOKEN
 * INFORMATION and RECEIVE COPY OPERATING PARAMETERS (SPC-4 6.23 to 6.27).
 */
import {
  CopyFailureDetailsLid1,
  CopyStatusLid1,
  CopyStatusLid4,
  OperatingParametersLid1,
  RodTokenInformation,
} from "../cdb.ts";
import { type Command, goodWith } from "../command.ts";
import { CopyFailureData, CopyStatusData, CopyStatusDataLid4, OperatingParameters } from "../copy/layouts.ts";
import * as limits from "../copy/limits.ts";
import type { CopyProgress, CopyStatus } from "../copy/results.ts";
import { offersTokens } from "../copy/rod-tokens.ts";
import { RodTokenDescriptorHeader } from "../copy/token-layouts.ts";
import { type ScsiResult, Status } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

/** COPY COMMAND STATUS (SPC-4 table 254). */
const COMMAND_STATUS: Readonly<Record<CopyStatus, number>> = {
  running: 0x00,
  completed: 0x01,
  failed: 0x02,
  partial: 0x02,
  terminated: 0x02,
};
/** COPY OPERATION STATUS (SPC-4 table 249). */
const OPERATION_STATUS: Readonly<Record<CopyStatus, number>> = {
  running: 0x10,
  completed: 0x01,
  failed: 0x02,
  partial: 0x03,
  terminated: 0x60,
};
/** ESTIMATED STATUS UPDATE DELAY: not told. */
const NO_ESTIMATE = 0xffff_ffff;

export const receiveCopyResultsCommands: readonly CommandDefinition[] = [
  { cdb: CopyStatusLid1, access: "none", conflicts: "any", execute: copyStatus },
  { cdb: CopyFailureDetailsLid1, access: "none", conflicts: "any", execute: failureDetails },
  { cdb: CopyStatusLid4, access: "none", conflicts: "reserve", execute: copyStatusLid4 },
  {
    cdb: RodTokenInformation,
    access: "none",
    conflicts: "reserve",
    supported: offersTokens,
    execute: rodTokenInformation,
  },
  { cdb: OperatingParametersLid1, access: "none", conflicts: "any", execute: operatingParameters },
];

function copyStatus(command: Command): ScsiResult {
  const { cdb, itl } = command;
  const listId = CopyStatusLid1.listId.get(cdb, 0);
  const progress = itl.copies.of(listId, 1);
  if (!progress || progress.told) return command.invalidField(CopyStatusLid1.listId);
  const { status, segments, transferCount, kind } = progress;
  const data = CopyStatusData.encode({
    availableBytes: CopyStatusData.sizeBytes - 4,
    status: COMMAND_STATUS[status],
    segments,
    transferUnits: kind.units,
    transferCount,
  });
  // SPC-4 6.25: told once.
  progress.told = status !== "running";
  if (!progress.sense) itl.copies.discard(listId);
  return goodWith(data, CopyStatusLid1.allocationBytes.get(cdb, 0));
}

/** Of a copy that ended with CHECK CONDITION: its sense data, told once. Of any other there are no details (SPC-4 6.23). */
function failureDetails({ cdb, itl }: Command): ScsiResult {
  const listId = CopyFailureDetailsLid1.listId.get(cdb, 0);
  const allocation = CopyFailureDetailsLid1.allocationBytes.get(cdb, 0);
  const progress = itl.copies.of(listId, 1);
  const sense = progress?.sense;
  if (!sense) return goodWith(CopyFailureData.encode({}).subarray(0, 4), allocation);
  const availableBytes = CopyFailureData.sizeBytes - 4 + sense.length;
  const data = CopyFailureData.encode({ availableBytes, status: Status.CHECK_CONDITION, senseBytes: sense.length });
  progress.sense = undefined;
  if (progress.told) itl.copies.discard(listId);
  return goodWith(Buffer.concat([data, sense]), allocation);
}

function copyStatusLid4(command: Command): ScsiResult {
  const { cdb, itl } = command;
  const progress = itl.copies.of(CopyStatusLid4.listId.get(cdb, 0), 4);
  if (!progress) return command.invalidField(CopyStatusLid4.listId);
  return goodWith(statusData(progress, 0), CopyStatusLid4.allocationBytes.get(cdb, 0));
}

/** The status, and the token that POPULATE TOKEN made (SBC-4 5.25). */
function rodTokenInformation(command: Command): ScsiResult {
  const { cdb, itl, task } = command;
  const listId = RodTokenInformation.listId.get(cdb, 0);
  const progress = itl.copies.of(listId, 4);
  if (!progress) return command.invalidField(RodTokenInformation.listId);
  const token = progress.status === "completed" || progress.status === "partial" ? progress.token : undefined;
  const descriptor = RodTokenDescriptorHeader.encode({ descriptorBytes: token ? token.length + 2 : 0 });
  const tokens = token ? Buffer.concat([descriptor, token]) : descriptor.subarray(0, 4);
  const data = Buffer.concat([statusData(progress, tokens.length), tokens]);
  const allocation = RodTokenInformation.allocationBytes.get(cdb, 0);
  // SPC-4 6.26: what has been told whole is not kept, nor what is asked for with no room for it.
  if (allocation === 0 || Math.min(allocation, task.expectedInBytes) >= data.length) itl.copies.discard(listId);
  return goodWith(data, allocation);
}

function statusData({ status, kind, segments, transferCount, sense }: CopyProgress, followingBytes: number): Buffer {
  const told = sense ?? Buffer.alloc(0);
  const completion = told.length > 0 ? Status.CHECK_CONDITION : Status.GOOD;
  const data = CopyStatusDataLid4.encode({
    availableBytes: CopyStatusDataLid4.sizeBytes + told.length + followingBytes - 4,
    serviceAction: kind.serviceAction,
    status: OPERATION_STATUS[status],
    updateDelayMs: NO_ESTIMATE,
    completionStatus: status === "terminated" ? Status.TASK_ABORTED : completion,
    senseFieldBytes: told.length,
    senseBytes: told.length,
    transferUnits: kind.units,
    transferCount,
    segments,
  });
  return Buffer.concat([data, told]);
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
