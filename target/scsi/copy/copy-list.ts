/** The parameter list of EXTENDED COPY: from bytes to units and ranges, all checked before anything is copied. */
import type { Command } from "../command.ts";
import { Condition } from "../condition.ts";
import { locationOf } from "../fields.ts";
import { ItlNexus } from "../itl-nexus.ts";
import type { LogicalUnit } from "../logical-unit.ts";
import type { ScsiResult } from "../transport.ts";
import { designators } from "../vpd/identification.ts";
import type { CopySide } from "./copy-bytes.ts";
import { BlockSegment, type CopyHeader, CopyHeaderLid4, CscdDescriptor } from "./layouts.ts";
import { DescriptorType, MAX_CSCDS, MAX_DESCRIPTOR_BYTES, MAX_SEGMENTS } from "./limits.ts";
import type { ListIdBytes } from "./results.ts";

/** One range of bytes, from a unit to a unit. */
export interface Segment {
  /** Of the segment descriptors, from 0. */
  readonly index: number;
  /** Where in the parameter list the CSCD descriptor of each unit begins. Bytes. */
  readonly cscdAt: Readonly<Record<CopySide, number>>;
  readonly from: LogicalUnit;
  readonly fromOffset: number;
  readonly to: LogicalUnit;
  readonly toOffset: number;
  readonly bytes: number;
}

export interface CopyList {
  readonly idBytes: ListIdBytes;
  readonly listId: number;
  /** IMMED: it goes on after its command. */
  readonly immediate: boolean;
  /** LIST ID USAGE 11b: nobody will ask how it went. */
  readonly unnamed: boolean;
  readonly segments: readonly Segment[];
}

const UNNAMED = 3;
/** What the header of LID4 has to say of itself (SPC-4 6.4.2). */
const LID4 = { format: 1, headerCscdBytes: 0x20, headerCscdType: 0xff } as const;

export function parseCopyList(
  command: Command,
  list: Buffer,
  layout: typeof CopyHeader | typeof CopyHeaderLid4,
): CopyList | ScsiResult {
  const long = layout === CopyHeaderLid4;
  if (long && !isLid4(list)) return command.invalidParameter(0);
  const { cscdBytes, segmentBytes, inlineBytes, listIdUsage, listId } = layout.decode(list);
  const start = layout.sizeBytes;
  const segmentsAt = start + cscdBytes;
  const end = segmentsAt + segmentBytes;
  if (inlineBytes !== 0) return command.invalidParameter(locationOf(layout.inlineBytes).byte);
  // In this order: too much in all is a length, too many of one kind is a count.
  if (cscdBytes + segmentBytes > MAX_DESCRIPTOR_BYTES + CscdDescriptor.sizeBytes) {
    return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  }
  if (list.length < end || cscdBytes % CscdDescriptor.sizeBytes !== 0) {
    return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  }
  if (cscdBytes / CscdDescriptor.sizeBytes > MAX_CSCDS) return command.fail(Condition.TOO_MANY_TARGET_DESCRIPTORS);
  const units = parseUnits(command, list, start, segmentsAt);
  if (!Array.isArray(units)) return units;
  const segments = parseSegments(command, list, { cscdsAt: start, start: segmentsAt, end }, units);
  if (!Array.isArray(segments)) return segments;
  const immediate = long && CopyHeaderLid4.immediate.get(list, 0) !== 0;
  return { idBytes: long ? 4 : 1, listId, immediate, unnamed: listIdUsage === UNNAMED, segments };
}

function isLid4(list: Buffer): boolean {
  const header = CopyHeaderLid4.decode(list);
  return (Object.keys(LID4) as (keyof typeof LID4)[]).every((name) => header[name] === LID4[name]);
}

/** Undefined: a descriptor of a unit that is not there, which matters where a segment names it. */
function parseUnits(
  command: Command,
  list: Buffer,
  start: number,
  end: number,
): (LogicalUnit | undefined)[] | ScsiResult {
  const units: (LogicalUnit | undefined)[] = [];
  for (let at = start; at < end; at += CscdDescriptor.sizeBytes) {
    const { typeCode, nul, designatorBytes } = CscdDescriptor.decode(list, at);
    if (typeCode !== DescriptorType.IDENTIFICATION) return command.fail(Condition.UNSUPPORTED_TARGET_DESCRIPTOR);
    if (designatorBytes > 20) return command.invalidParameter(at + 7);
    units.push(nul === 0 ? unitNamed(command, list.subarray(at, at + CscdDescriptor.sizeBytes)) : undefined);
  }
  return units;
}

/** Only among the units that the nexus sees (SPC-4 5.16.4): a copy reaches no further than its host. */
function unitNamed({ server, task }: Command, descriptor: Buffer): LogicalUnit | undefined {
  const { codeSet, association, designatorType, designatorBytes, designator } = CscdDescriptor.decode(descriptor);
  if (association !== 0) return undefined;
  // As VPD page 83h writes the same designator: code set, type, length, value.
  const wanted = Buffer.concat([
    Buffer.from([codeSet, designatorType, 0, designatorBytes]),
    designator.subarray(0, designatorBytes),
  ]);
  for (const lun of server.inventory.list(task.nexus)) {
    const unit = server.inventory.lookup(task.nexus, lun);
    if (unit && Buffer.from(designators(unit, task.nexus)).includes(wanted)) return unit;
  }
  return undefined;
}

function parseSegments(
  command: Command,
  list: Buffer,
  { cscdsAt, start, end }: { readonly cscdsAt: number; readonly start: number; readonly end: number },
  units: readonly (LogicalUnit | undefined)[],
): Segment[] | ScsiResult {
  const malformed = malformedSegment(command, list, start, end);
  if (malformed) return malformed;
  const segments: Segment[] = [];
  for (let at = start; at < end; at += BlockSegment.sizeBytes) {
    const index = segments.length;
    const fields = BlockSegment.decode(list, at);
    const [from, to] = [units[fields.source], units[fields.destination]];
    const cscdAt = { source: cscdOf(cscdsAt, fields.source), destination: cscdOf(cscdsAt, fields.destination) };
    if (!from) return unreachable(command, { index, cscdAt }, "source");
    if (!to) return unreachable(command, { index, cscdAt }, "destination");
    const bytes = fields.blocks * (fields.destinationCount ? to : from).blockBytes;
    const fromOffset = fields.sourceLba * from.blockBytes;
    const toOffset = fields.destinationLba * to.blockBytes;
    const segment: Segment = { index, cscdAt, from, fromOffset, to, toOffset, bytes };
    if (!fits(segment)) return command.fail(Condition.COPY_ABORTED, { segment: index });
    const side = outOfReach(command, segment);
    if (side) return unreachable(command, segment, side);
    segments.push(segment);
  }
  return segments;
}

function cscdOf(cscdsAt: number, index: number): number {
  return cscdsAt + index * CscdDescriptor.sizeBytes;
}

/** What is wrong with the descriptors as such, before it is asked what they name. */
function malformedSegment(command: Command, list: Buffer, start: number, end: number): ScsiResult | undefined {
  let count = 0;
  for (let at = start; at < end; at += BlockSegment.sizeBytes) {
    if (list[at] !== DescriptorType.BLOCK_TO_BLOCK) return command.fail(Condition.UNSUPPORTED_SEGMENT_DESCRIPTOR);
    if (end - at < BlockSegment.sizeBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
    if (BlockSegment.descriptorBytes.get(list, at) !== BlockSegment.sizeBytes - 4)
      return command.invalidParameter(at + 2);
    if (++count > MAX_SEGMENTS) return command.fail(Condition.TOO_MANY_SEGMENT_DESCRIPTORS);
  }
  return undefined;
}

/** COPY TARGET DEVICE NOT REACHABLE, pointing at the descriptor of that unit (SPC-4 6.3.4). */
export function unreachable(
  command: Command,
  { index, cscdAt }: Pick<Segment, "index" | "cscdAt">,
  side: CopySide,
): ScsiResult {
  const pointer = { inCdb: false, byte: cscdAt[side] };
  return command.fail(Condition.COPY_TARGET_NOT_REACHABLE, { segment: index, pointer });
}

/** In both units, and in whole blocks of both (PAD and CAT are for lengths that are not). */
export function fits({ from, fromOffset, to, toOffset, bytes }: Segment): boolean {
  const inside = fromOffset + bytes <= from.device.sizeBytes && toOffset + bytes <= to.device.sizeBytes;
  return inside && bytes % from.blockBytes === 0 && bytes % to.blockBytes === 0;
}

/** Which unit the host itself could not read, or write. */
function outOfReach({ task }: Command, { from, to }: Segment): CopySide | undefined {
  const { nexus } = task;
  const free = (unit: LogicalUnit, conflicts: "any" | "exclusive-access"): boolean =>
    unit.notReady === undefined && !unit.reservations?.conflict(unit.itlNexus(nexus) ?? new ItlNexus(nexus), conflicts);
  if (!free(from, "exclusive-access")) return "source";
  return free(to, "any") && !to.writeProtected ? undefined : "destination";
}
