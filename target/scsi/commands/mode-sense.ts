/** MODE SENSE (SPC-4 6.12, 6.13). */
import { ModeSense6, ModeSense10 } from "../cdb.ts";
import { type Command, goodWith } from "../command.ts";
import { Condition } from "../condition.ts";
import { LongBlockDescriptor, ModeHeader6, ModeHeader10, ShortBlockDescriptor } from "../mode/layouts.ts";
import { modePageData, modePages, PageControl } from "../mode/pages.ts";
import type { ScsiResult } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

const ALL_PAGES = 0x3f;
const ALL_SUBPAGES = 0xff;
/** NUMBER OF LOGICAL BLOCKS of the short block descriptor where the real one is larger (SBC-4 6.5.2.2). */
const TOO_MANY = 0xffff_ffff;

export const modeSenseCommands: readonly CommandDefinition[] = [
  { cdb: ModeSense6, access: "none", conflicts: "exclusive-access", execute: modeSense6 },
  { cdb: ModeSense10, access: "none", conflicts: "exclusive-access", execute: modeSense10 },
];

function modeSense6(command: Command): ScsiResult {
  const pages = selectedPages(command, ModeSense6);
  if (!Buffer.isBuffer(pages)) return pages;
  const descriptor = ModeSense6.disableBlockDescriptors.get(command.cdb, 0)
    ? Buffer.alloc(0)
    : shortDescriptor(command);
  const header = ModeHeader6.encode({
    dataBytes: ModeHeader6.sizeBytes - 1 + descriptor.length + pages.length,
    ...deviceSpecific(command),
    blockDescriptorBytes: descriptor.length,
  });
  return goodWith(Buffer.concat([header, descriptor, pages]), ModeSense6.allocationBytes.get(command.cdb, 0));
}

function modeSense10(command: Command): ScsiResult {
  const { cdb } = command;
  const pages = selectedPages(command, ModeSense10);
  if (!Buffer.isBuffer(pages)) return pages;
  const long = ModeSense10.longLbaAccepted.get(cdb, 0) !== 0;
  const described = ModeSense10.disableBlockDescriptors.get(cdb, 0) === 0;
  const descriptor = described ? (long ? longDescriptor(command) : shortDescriptor(command)) : Buffer.alloc(0);
  const header = ModeHeader10.encode({
    dataBytes: ModeHeader10.sizeBytes - 2 + descriptor.length + pages.length,
    ...deviceSpecific(command),
    longLba: described && long ? 1 : 0,
    blockDescriptorBytes: descriptor.length,
  });
  return goodWith(Buffer.concat([header, descriptor, pages]), ModeSense10.allocationBytes.get(cdb, 0));
}

function selectedPages(command: Command, layout: typeof ModeSense6 | typeof ModeSense10): Buffer | ScsiResult {
  const { cdb, unit } = command;
  const control = layout.pageControl.get(cdb, 0);
  const code = layout.pageCode.get(cdb, 0);
  const subpage = layout.subpageCode.get(cdb, 0);
  if (control === PageControl.SAVED) return command.fail(Condition.SAVING_PARAMETERS_NOT_SUPPORTED);
  const ofCode = modePages.filter((page) => code === ALL_PAGES || page.code === code);
  if (ofCode.length === 0) return command.invalidField(layout.pageCode);
  const pages = ofCode.filter((page) => subpage === ALL_SUBPAGES || (page.subpage ?? 0) === subpage);
  if (pages.length === 0) return command.invalidField(layout.subpageCode);
  return Buffer.concat(pages.map((page) => modePageData(page, control, unit.mode)));
}

/** WP and DPOFUA (SBC-4 6.5.1, table 200). */
function deviceSpecific({ unit }: Command): { writeProtected: number; dpoFua: number } {
  return { writeProtected: unit.writeProtected ? 1 : 0, dpoFua: 1 };
}

function shortDescriptor({ unit }: Command): Buffer {
  return ShortBlockDescriptor.encode({ blocks: Math.min(unit.blocks, TOO_MANY), blockBytes: unit.blockBytes });
}

function longDescriptor({ unit }: Command): Buffer {
  return LongBlockDescriptor.encode({ blocks: unit.blocks, blockBytes: unit.blockBytes });
}
