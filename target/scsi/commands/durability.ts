/** How lastingly a command writes. */
import type { WriteOptions } from "../../storage/block-device.ts";
import type { Command } from "../command.ts";

export const FORCE_UNIT_ACCESS: WriteOptions = { fua: true };
export const CACHED: WriteOptions = {};

/** With the write cache off every write goes to the medium before it is answered (SBC-4 6.5.6, WCE). */
export function durability(command: Command, fua: boolean): WriteOptions {
  return fua || !command.unit.mode.writeCache ? FORCE_UNIT_ACCESS : CACHED;
}
