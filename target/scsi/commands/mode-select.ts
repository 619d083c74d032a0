/** MODE SELECT (SPC-4 6.10, 6.11): all of the list is checked before any of it counts. */
import { Attention } from "../attention.ts";
import { ModeSelect6, ModeSelect10 } from "../cdb.ts";
import { type Command, GOOD } from "../command.ts";
import { Condition } from "../condition.ts";
import { locationOf } from "../fields.ts";
import { MAX_PARAMETER_LIST_BYTES } from "../limits.ts";
import { LongBlockDescriptor, ModeHeader6, ModeHeader10, PageHeader, ShortBlockDescriptor } from "../mode/layouts.ts";
import { applyModePage, headerOf, type ModePage, modePageData, modePages, PageControl } from "../mode/pages.ts";
import { ModeParameters } from "../mode/parameters.ts";
import { failureOf } from "../outcome.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { changeFor } from "../unit-change.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";

export const modeSelectCommands: readonly CommandDefinition[] = [
  {
    cdb: ModeSelect6,
    access: "none",
    conflicts: "any",
    admit: (c) => admit(c, ModeSelect6),
    execute: (c, data) => execute(c, data, ModeHeader6),
  },
  {
    cdb: ModeSelect10,
    access: "none",
    conflicts: "any",
    admit: (c) => admit(c, ModeSelect10),
    execute: (c, data) => execute(c, data, ModeHeader10),
  },
];

function admit(command: Command, layout: typeof ModeSelect6 | typeof ModeSelect10): ScsiResult | undefined {
  const { cdb } = command;
  const { pageFormat, savePages, listBytes } = layout;
  if (savePages.get(cdb, 0) !== 0) return command.invalidField(savePages);
  const bytes = listBytes.get(cdb, 0);
  // PF = 0 means vendor-specific pages, of which there are none.
  if (pageFormat.get(cdb, 0) === 0 && bytes > 0) return command.invalidField(pageFormat);
  if (bytes > MAX_PARAMETER_LIST_BYTES) return command.invalidField(listBytes);
  command.dataOutBytes = bytes;
  return undefined;
}

async function execute(
  command: Command,
  dataOut: readonly Uint8Array[],
  header: typeof ModeHeader6 | typeof ModeHeader10,
): Promise<Execution> {
  if (command.dataOutBytes === 0) return GOOD;
  const list = gather(dataOut, command.dataOutBytes);
  if (list.length < command.dataOutBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const wanted = Object.assign(new ModeParameters(), command.unit.mode);
  const refused = checkDescriptors(command, list, header) ?? applyPages(command, list, header, wanted);
  return refused ?? adopt(command, wanted);
}

/** Neither block length nor capacity can be changed; saying what they are is allowed (SBC-4 6.5.2). */
function checkDescriptors(
  command: Command,
  list: Buffer,
  header: typeof ModeHeader6 | typeof ModeHeader10,
): ScsiResult | undefined {
  if (list.length < header.sizeBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const bytes = header.blockDescriptorBytes.get(list, 0);
  if (bytes === 0) return undefined;
  const long = header === ModeHeader10 && ModeHeader10.longLba.get(list, 0) !== 0;
  const layout = long ? LongBlockDescriptor : ShortBlockDescriptor;
  if (bytes !== layout.sizeBytes) return command.invalidParameter(locationOf(header.blockDescriptorBytes).byte);
  if (list.length < header.sizeBytes + bytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const blocks = layout.blocks.get(list, header.sizeBytes);
  const { unit } = command;
  const sameCapacity = blocks === 0 || blocks === unit.blocks || (!long && blocks === 0xffff_ffff);
  if (!sameCapacity) return command.invalidParameter(header.sizeBytes + locationOf(layout.blocks).byte);
  if (layout.blockBytes.get(list, header.sizeBytes) === unit.blockBytes) return undefined;
  return command.invalidParameter(header.sizeBytes + locationOf(layout.blockBytes).byte);
}

function applyPages(
  command: Command,
  list: Buffer,
  header: typeof ModeHeader6 | typeof ModeHeader10,
  wanted: ModeParameters,
): ScsiResult | undefined {
  let at = header.sizeBytes + header.blockDescriptorBytes.get(list, 0);
  while (at < list.length) {
    if (list.length - at < PageHeader.sizeBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
    const code = PageHeader.pageCode.get(list, at);
    const subpage = PageHeader.subpageFormat.get(list, at) === 0 ? undefined : (list[at + 1] as number);
    const page = modePages.find((candidate) => candidate.code === code && candidate.subpage === subpage);
    if (!page) return command.invalidParameter(at);
    const { sizeBytes: bytes } = page.layout;
    const { sizeBytes: headerBytes, pageBytes } = headerOf(page);
    if (list.length - at < headerBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
    if (pageBytes.get(list, at) !== bytes - headerBytes)
      return command.invalidParameter(at + locationOf(pageBytes).byte);
    if (list.length - at < bytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
    const data = list.subarray(at, at + bytes);
    const wrong = unchangeable(page, data, command.unit.mode);
    if (wrong >= 0) return command.invalidParameter(at + wrong);
    applyModePage(page, data, wanted);
    at += bytes;
  }
  return undefined;
}

/** The first byte that would change what cannot be changed, or -1. PS, bit 7 of the first byte, is reserved here (SPC-4 7.5.6). */
function unchangeable(page: ModePage, data: Buffer, parameters: ModeParameters): number {
  const mask = modePageData(page, PageControl.CHANGEABLE, parameters);
  const current = modePageData(page, PageControl.CURRENT, parameters);
  return data.findIndex((byte, index) => {
    if (index < headerOf(page).sizeBytes) return false;
    return ((byte ^ (current[index] ?? 0)) & ~(mask[index] ?? 0)) !== 0;
  });
}

async function adopt(command: Command, wanted: ModeParameters): Promise<Execution> {
  const { unit, task, itl } = command;
  const names = (Object.keys(wanted) as (keyof ModeParameters)[]).filter((name) => wanted[name] !== unit.mode[name]);
  if (names.length === 0) return command.taken();
  // What was written under the old parameters must not wait in a cache under the new ones (SBC-4 6.5.6 WCE; SPC-4 7.5.8 SWP).
  if (!wanted.writeCache || wanted.softwareWriteProtect) {
    const failure = failureOf(command, await unit.device.flush(task), "flush") ?? command.abortedAs;
    if (failure) return failure;
  }
  const failure = await changeFor(command, () => {
    const mode = Object.assign(new ModeParameters(), unit.mode);
    for (const name of names) mode[name] = wanted[name];
    return { by: itl, command, mode, notices: [{ to: "others", attention: Attention.MODE_PARAMETERS_CHANGED }] };
  });
  return failure ?? command.taken();
}
