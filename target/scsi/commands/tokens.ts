/** POPULATE TOKEN and WRITE USING TOKEN (SBC-4 5.12, 5.59): a token stands for blocks, and whoever has it has them written elsewhere. */
import type { Initiation } from "../../storage/block-device.ts";
import type { BlockRange } from "../block-range.ts";
import { PopulateToken, type TokenCdb, WriteUsingToken } from "../cdb.ts";
import { type Command, checkCondition, GOOD } from "../command.ts";
import { Condition } from "../condition.ts";
import { type ByteCopy, type BytePart, copyBytes } from "../copy/copy-bytes.ts";
import { DEFAULT_INACTIVITY_S, MAX_INACTIVITY_S, MAX_TOKEN_RANGES } from "../copy/limits.ts";
import { blocksOf, parseRanges } from "../copy/range-list.ts";
import { type CopyProgress, TransferUnits } from "../copy/results.ts";
import { isZeroToken } from "../copy/rod-token.ts";
import { offersTokens, type TokenRecord } from "../copy/rod-tokens.ts";
import { PopulateTokenHeader, RangeDescriptor, RodType, WriteUsingTokenHeader } from "../copy/token-layouts.ts";
import { locationOf } from "../fields.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";

type Header = typeof PopulateTokenHeader | typeof WriteUsingTokenHeader;

/** What of the lengths in the list does not count in FOLLOWING BYTES: that field itself. */
const LENGTH_FIELD_BYTES = 2;
/** A list that is too long is looked at as far as the first range that is too many. */
const MAX_RANGE_BYTES = (MAX_TOKEN_RANGES + 1) * RangeDescriptor.sizeBytes;
/** ROD TYPE of requests: what may be made is change vulnerable (SPC-4 5.17.6.2.3). */
const TYPES_MADE: ReadonlySet<number> = new Set([
  RodType.POINT_IN_TIME_DEFAULT,
  RodType.CHANGE_VULNERABLE,
  RodType.POINT_IN_TIME_ANY,
]);

export const tokenCommands: readonly CommandDefinition[] = [
  {
    cdb: PopulateToken,
    access: "read",
    conflicts: "exclusive-access",
    supported: offersTokens,
    admit: (command) => admit(command, PopulateToken, PopulateTokenHeader),
    execute: populateToken,
  },
  {
    cdb: WriteUsingToken,
    access: "write",
    conflicts: "any",
    supported: offersTokens,
    admit: (command) => admit(command, WriteUsingToken, WriteUsingTokenHeader),
    execute: writeUsingToken,
  },
];

/** Its blocks are known with the list only, and the copy itself looks after what may not come between. */
function admit(command: Command, { listBytes }: TokenCdb, header: Header): ScsiResult | undefined {
  const bytes = listBytes.get(command.cdb, 0);
  if (bytes > 0 && bytes < header.sizeBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  // What follows the ranges that there may be is not looked at.
  command.dataOutBytes = Math.min(bytes, header.sizeBytes + MAX_RANGE_BYTES);
  return undefined;
}

/** The ranges of a list whose lengths agree. */
function rangesOf(command: Command, list: Buffer, header: Header): readonly BlockRange[] | ScsiResult {
  const rangeBytes = header.rangeBytes.get(list, 0);
  const least = header.sizeBytes - LENGTH_FIELD_BYTES + RangeDescriptor.sizeBytes;
  const following = header.followingBytes.get(list, 0);
  if (following < least || following < header.sizeBytes - LENGTH_FIELD_BYTES + rangeBytes) {
    return command.invalidParameter(locationOf(header.followingBytes).byte);
  }
  if (rangeBytes < RangeDescriptor.sizeBytes) return command.invalidParameter(locationOf(header.rangeBytes).byte);
  return parseRanges(command, list, header.sizeBytes, rangeBytes);
}

function populateToken(command: Command, dataOut: readonly Uint8Array[]): ScsiResult {
  if (command.dataOutBytes === 0) return GOOD;
  const list = gather(dataOut, command.dataOutBytes);
  if (list.length < command.dataOutBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const { typeValid, type, inactivityS } = PopulateTokenHeader.decode(list);
  if (inactivityS > MAX_INACTIVITY_S) {
    return command.invalidParameter(locationOf(PopulateTokenHeader.inactivityS).byte);
  }
  if (typeValid !== 0 && !TYPES_MADE.has(type)) {
    return command.invalidParameter(locationOf(PopulateTokenHeader.type).byte);
  }
  const ranges = rangesOf(command, list, PopulateTokenHeader);
  if ("kind" in ranges) return ranges;
  const progress = begin(command, PopulateToken);
  if (!progress) return command.fail(Condition.OPERATION_IN_PROGRESS);
  const result = make(command, ranges, inactivityS || DEFAULT_INACTIVITY_S, progress);
  progress.end(result);
  return result;
}

/** No data is moved: what the token stands for is watched from here on. */
function make(
  command: Command,
  ranges: readonly BlockRange[],
  inactivityS: number,
  progress: CopyProgress,
): ScsiResult {
  const { unit, task, server } = command;
  if (ranges.length === 0) return command.taken();
  const record = server.tokens.create({ unit, ranges, inactivityS, nexus: task.nexus });
  if (!record) return command.fail(Condition.INSUFFICIENT_RESOURCES_TO_CREATE_ROD_TOKEN);
  progress.token = record.token;
  progress.bytes = blocksOf(ranges) * unit.blockBytes;
  return command.taken();
}

/** As with LIST ID USAGE 00b (SBC-4 5.12.1). */
function begin({ cdb, unit, itl, definition }: Command, { listId }: TokenCdb): CopyProgress | undefined {
  return itl.copies.begin(listId.get(cdb, 0), {
    idBytes: 4,
    serviceAction: definition.cdb.serviceAction ?? 0,
    units: TransferUnits.BLOCKS,
    unitBytes: unit.blockBytes,
  });
}

/** What WRITE USING TOKEN is to do, once its list has been understood. */
interface Writing {
  readonly ranges: readonly BlockRange[];
  /** Undefined: the block device zero ROD token. */
  readonly record: TokenRecord | undefined;
  /** Of the token's bytes, the first that is written. */
  readonly offset: number;
  readonly deletes: boolean;
}

async function writeUsingToken(command: Command, dataOut: readonly Uint8Array[]): Promise<Execution> {
  if (command.dataOutBytes === 0) return GOOD;
  const list = gather(dataOut, command.dataOutBytes);
  if (list.length < command.dataOutBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const writing = parseWriting(command, list);
  if ("kind" in writing) return writing;
  const progress = begin(command, WriteUsingToken);
  if (!progress) return command.fail(Condition.OPERATION_IN_PROGRESS);
  const immediate = WriteUsingTokenHeader.immediate.get(list, 0) !== 0;
  const work = carryOut(command, writing, progress, immediate ? undefined : command.task);
  // Units that go away wait for what still reads or writes them.
  for (const unit of new Set([command.unit, writing.record?.unit ?? command.unit])) {
    unit.inBackground(work, command.server.logger);
  }
  return immediate ? command.taken() : await work;
}

function parseWriting(command: Command, list: Buffer): Writing | ScsiResult {
  const { offsetBlocks, token, deleteToken } = WriteUsingTokenHeader.decode(list);
  const ranges = rangesOf(command, list, WriteUsingTokenHeader);
  if ("kind" in ranges) return ranges;
  const deletes = deleteToken !== 0;
  const offset = offsetBlocks * command.unit.blockBytes;
  if (isZeroToken(token)) return { ranges, record: undefined, offset, deletes };
  const record = command.server.tokens.find(token, command.task.nexus);
  if ("senseKey" in record) return command.fail(record);
  if (offset >= representedBytes(record)) {
    return command.invalidParameter(locationOf(WriteUsingTokenHeader.offsetBlocks).byte);
  }
  return { ranges, record, offset, deletes };
}

function representedBytes({ ranges, unit }: TokenRecord): number {
  return blocksOf(ranges) * unit.blockBytes;
}

async function carryOut(
  command: Command,
  writing: Writing,
  progress: CopyProgress,
  by: Initiation | undefined,
): Promise<Execution> {
  const { record, deletes, ranges } = writing;
  const { tokens } = command.server;
  // A copy that ends through a bug has failed as well.
  let execution: Execution = command.fail(Condition.COPY_ABORTED);
  const wanted = blocksOf(ranges) * command.unit.blockBytes;
  if (record) tokens.use(record);
  try {
    execution = (await writeRanges(command, writing, progress, by)) ?? residual(command, progress, wanted);
    return execution;
  } finally {
    progress.end(execution, progress.bytes < wanted);
    if (record) tokens.release(record, deletes);
  }
}

/** Range by range, as far as the token goes. */
async function writeRanges(
  command: Command,
  { record, ranges, offset }: Writing,
  progress: CopyProgress,
  by: Initiation | undefined,
): Promise<Execution | undefined> {
  const { unit: to } = command;
  let at = offset;
  for (const { lba, blocks } of ranges) {
    const start = lba * to.blockBytes;
    const left = record ? Math.max(0, representedBytes(record) - at) : Number.POSITIVE_INFINITY;
    const bytes = Math.min(blocks * to.blockBytes, Math.ceil(left / to.blockBytes) * to.blockBytes);
    const copy: ByteCopy = {
      from: record?.unit ?? to,
      to,
      source: record ? partsFrom(record, at) : [],
      target: { offset: start, bytes },
      obstacle: () => obstacle(command, record, { lba, blocks }),
    };
    const failure = await copyBytes(command, copy, progress, by);
    if (failure) return failure;
    at += bytes;
  }
  return undefined;
}

/** Of what the token stands for, all from byte `at` on. */
function partsFrom({ ranges, unit }: TokenRecord, at: number): BytePart[] {
  const parts: BytePart[] = [];
  let skip = at;
  for (const { lba, blocks } of ranges) {
    const bytes = blocks * unit.blockBytes;
    if (skip < bytes) parts.push({ offset: lba * unit.blockBytes + skip, bytes: bytes - skip });
    skip = Math.max(0, skip - bytes);
  }
  return parts;
}

/** What was read under a token that has been cancelled since may be of two points in time. */
function obstacle(
  command: Command,
  record: TokenRecord | undefined,
  { lba, blocks }: BlockRange,
): Execution | undefined {
  if (lba + blocks > command.unit.blocks) return command.fail(Condition.LBA_OUT_OF_RANGE);
  return record?.invalid && command.fail(record.invalid);
}

/** SBC-4 4.28.2: the token had less than was asked for. INFORMATION is how many blocks were written. */
function residual(command: Command, { bytes, transferCount }: CopyProgress, wanted: number): ScsiResult {
  if (bytes === wanted) return command.taken();
  const condition = bytes > 0 ? Condition.COPY_TARGET_DATA_UNDERRUN : Condition.COPY_TARGET_DATA_MISSING;
  return checkCondition(condition, command.unit.mode.descriptorSense, { information: transferCount });
}
