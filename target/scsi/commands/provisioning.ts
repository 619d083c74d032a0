/** UNMAP and GET LBA STATUS (SBC-4 5.30, 5.6): only units on a thin device have them. */
import type { Initiation, IoCompletion, ProvisioningExtent, ProvisioningStatus } from "../../storage/block-device.ts";
import type { BlockRange } from "../block-range.ts";
import { GetLbaStatus16, Unmap } from "../cdb.ts";
import { type Command, GOOD, goodWith } from "../command.ts";
import { Condition } from "../condition.ts";
import { locationOf } from "../fields.ts";
import { MAX_UNMAP_BLOCKS, MAX_UNMAP_DESCRIPTORS } from "../limits.ts";
import type { LogicalUnit } from "../logical-unit.ts";
import { failureOf } from "../outcome.ts";
import { LbaStatusDescriptor, LbaStatusHeader, UnmapDescriptor, UnmapHeader } from "../parameter-data.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { contains } from "./block-range.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";

/** One GET LBA STATUS looks no further than this; a host that wants more asks again from there (SBC-4 5.6.1). */
const MAX_STATUS_BYTES = 1024 * 1024 * 1024;
const MAX_STATUS_DESCRIPTORS = 1024;

/** PROVISIONING STATUS (SBC-4 5.6.2, table 51). */
const PROVISIONING_STATUS: Readonly<Record<ProvisioningStatus, number>> = { mapped: 0, deallocated: 1, anchored: 2 };

const thin = (unit: LogicalUnit) => unit.device.thin;

export const provisioningCommands: readonly CommandDefinition[] = [
  { cdb: Unmap, access: "write", conflicts: "any", supported: thin, admit: admitUnmap, execute: executeUnmap },
  {
    cdb: GetLbaStatus16,
    access: "ready",
    conflicts: "exclusive-access",
    supported: thin,
    admit: admitStatus,
    execute: executeStatus,
  },
];

function admitUnmap(command: Command): ScsiResult | undefined {
  const { cdb } = command;
  if (Unmap.anchor.get(cdb, 0) !== 0 && !command.unit.device.anchor) return command.invalidField(Unmap.anchor);
  const bytes = Unmap.listBytes.get(cdb, 0);
  if (bytes > 0 && bytes < UnmapHeader.sizeBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  if (bytes > UnmapHeader.sizeBytes + MAX_UNMAP_DESCRIPTORS * UnmapDescriptor.sizeBytes) {
    return command.invalidField(Unmap.listBytes);
  }
  // Which blocks is known with the list only: until then it counts as all of them.
  command.blocks = command.unit.blocks;
  command.dataOutBytes = bytes;
  return undefined;
}

async function executeUnmap(command: Command, dataOut: readonly Uint8Array[]): Promise<Execution> {
  const list = gather(dataOut, command.dataOutBytes);
  if (command.dataOutBytes === 0) return GOOD;
  if (list.length < command.dataOutBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const ranges = unmapRanges(command, list);
  if ("status" in ranges) return ranges;
  const { unit, task } = command;
  for (const { lba, blocks } of ranges) {
    if (blocks === 0) continue;
    const result = await release(unit, { lba, blocks }, Unmap.anchor.get(command.cdb, 0) !== 0, task);
    const failure = failureOf(command, result, "write") ?? command.abortedAs;
    if (failure) return failure;
  }
  if (unit.mode.writeCache) return command.taken();
  return failureOf(command, await unit.device.flush(task), "flush") ?? command.taken();
}

/** Gives blocks back, or keeps their room without contents. */
export function release(
  { device, blockBytes }: LogicalUnit,
  { lba, blocks }: BlockRange,
  anchored: boolean,
  by: Initiation,
): IoCompletion {
  const [offset, bytes] = [lba * blockBytes, blocks * blockBytes];
  return anchored && device.anchor ? device.anchor(offset, bytes, by) : device.unmap(offset, bytes, by);
}

/** All ranges are checked before the first is unmapped (SBC-4 5.30.2). */
function unmapRanges(command: Command, list: Buffer): readonly BlockRange[] | ScsiResult {
  const ranges: BlockRange[] = [];
  const told = UnmapHeader.descriptorBytes.get(list, 0);
  const end = Math.min(list.length, UnmapHeader.sizeBytes + told - (told % UnmapDescriptor.sizeBytes));
  let total = 0;
  for (let at = UnmapHeader.sizeBytes; at + UnmapDescriptor.sizeBytes <= end; at += UnmapDescriptor.sizeBytes) {
    const lba = UnmapDescriptor.lba.get(list, at);
    const blocks = UnmapDescriptor.blocks.get(list, at);
    if (!contains(command.unit, lba, blocks)) {
      return command.fail(Condition.LBA_OUT_OF_RANGE, { pointer: { inCdb: false, byte: at } });
    }
    total += blocks;
    if (total > MAX_UNMAP_BLOCKS) return command.invalidParameter(at + locationOf(UnmapDescriptor.blocks).byte);
    ranges.push({ lba, blocks });
  }
  return ranges;
}

function admitStatus(command: Command): ScsiResult | undefined {
  const lba = GetLbaStatus16.lba.get(command.cdb, 0);
  if (lba >= command.unit.blocks) return command.fail(Condition.LBA_OUT_OF_RANGE);
  command.lba = lba;
  return undefined;
}

async function executeStatus(command: Command): Promise<Execution> {
  const { unit, lba } = command;
  if (lba >= unit.blocks) return command.fail(Condition.LBA_OUT_OF_RANGE);
  const bytes = Math.min(unit.device.sizeBytes - lba * unit.blockBytes, MAX_STATUS_BYTES);
  const extents = merged(await unit.device.provisioning(lba * unit.blockBytes, bytes));
  const allocation = GetLbaStatus16.allocationBytes.get(command.cdb, 0);
  return goodWith(lbaStatusData(extents.slice(0, MAX_STATUS_DESCRIPTORS), unit.blockBytes), allocation);
}

function lbaStatusData(extents: readonly ProvisioningExtent[], blockBytes: number): Buffer {
  const data = Buffer.alloc(LbaStatusHeader.sizeBytes + extents.length * LbaStatusDescriptor.sizeBytes);
  LbaStatusHeader.parameterBytes.set(data, 0, data.length - 4);
  extents.forEach(({ offset, length, status }, index) => {
    const at = LbaStatusHeader.sizeBytes + index * LbaStatusDescriptor.sizeBytes;
    LbaStatusDescriptor.lba.set(data, at, offset / blockBytes);
    LbaStatusDescriptor.blocks.set(data, at, length / blockBytes);
    LbaStatusDescriptor.status.set(data, at, PROVISIONING_STATUS[status]);
  });
  return data;
}

/** SBC-4 5.6.2: adjacent descriptors should not have the same status. */
function merged(extents: readonly ProvisioningExtent[]): ProvisioningExtent[] {
  const runs: { offset: number; length: number; status: ProvisioningStatus }[] = [];
  for (const extent of extents) {
    const last = runs.at(-1);
    if (last?.status === extent.status) last.length += extent.length;
    else runs.push({ ...extent });
  }
  return runs;
}
