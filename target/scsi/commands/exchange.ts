/** Reading blocks, and writing what follows from them, with nobody in between: the work of atomic commands (SBC-4 4.30). */
import type { Initiation, WriteOptions } from "../../storage/block-device.ts";
import type { Command } from "../command.ts";
import { failureOf } from "../outcome.ts";
import { takeReadBuffer } from "../read-buffers.ts";
import type { Execution, ScsiResult } from "../transport.ts";

/** From what is there and the data that came: what to write, or why not. */
export type Modification = (command: Command, found: Buffer, data: Buffer) => Buffer | ScsiResult;

/** Over the command's blocks. The command is atomic: its task set keeps off others on this server, and an exclusion those on other paths. */
export async function exchange(
  command: Command,
  data: Buffer,
  options: WriteOptions,
  modification: Modification,
): Promise<Execution> {
  return await alone(command, (by) => readAndWrite(command, data, options, modification, by));
}

/** Does work in the name of an exclusion, where others reach the blocks by other ways; once more from the beginning where that was lost. */
async function alone(command: Command, work: (by: Initiation) => Promise<Execution | "cancelled">): Promise<Execution> {
  const { unit, task, lba, blocks } = command;
  const { device, blockBytes } = unit;
  for (;;) {
    // Where there is nobody to exclude, it begins in the same turn.
    const exclusion = device.exclude && (await device.exclude(lba * blockBytes, blocks * blockBytes, task));
    if (exclusion !== undefined && "kind" in exclusion)
      return failureOf(command, exclusion, "write") ?? command.taken();
    const result = await work(exclusion ?? task).finally(() => exclusion?.end());
    if (result !== "cancelled") return result;
    if (command.abortedAs) return command.abortedAs;
  }
}

async function readAndWrite(
  command: Command,
  data: Buffer,
  options: WriteOptions,
  modification: Modification,
  by: Initiation,
): Promise<Execution | "cancelled"> {
  const { device, blockBytes } = command.unit;
  const start = command.lba * blockBytes;
  const found = takeReadBuffer(command.blocks * blockBytes);
  const read = await device.read(start, found, by);
  if (read.kind === "cancelled" || by.cancelled) return "cancelled";
  const failure = failureOf(command, read, "read");
  if (failure) return failure;
  const wanted = modification(command, found, data);
  if (!Buffer.isBuffer(wanted)) return wanted;
  const written = await device.write(start, [wanted], options, by);
  if (written.kind === "cancelled") return "cancelled";
  return failureOf(command, written, "write") ?? command.taken();
}
