/** SYNCHRONIZE CACHE and PRE-FETCH (SBC-4 5.26, 5.27, 5.9, 5.10). */
import type { Initiation } from "../../storage/block-device.ts";
import { type BlockRangeCdb, Prefetch10, Prefetch16, SynchronizeCache10, SynchronizeCache16 } from "../cdb.ts";
import { type Command, GOOD } from "../command.ts";
import { failureOf } from "../outcome.ts";
import { takeReadBuffer } from "../read-buffers.ts";
import { type Execution, type ScsiResult, Status } from "../transport.ts";
import { addressRange, outOfRangeNow } from "./block-range.ts";
import type { CommandDefinition } from "./definition.ts";

/** A PRE-FETCH brings at most this much into the cache: the size of "the cache" as far as CONDITION MET goes. */
const PREFETCH_BYTES = 64 * 1024 * 1024;
const STEP_BYTES = 1024 * 1024;

const CONDITION_MET: ScsiResult = Object.freeze({ kind: "done", status: Status.CONDITION_MET });

export const cacheCommands: readonly CommandDefinition[] = [
  synchronize(SynchronizeCache10),
  synchronize(SynchronizeCache16),
  prefetch(Prefetch10),
  prefetch(Prefetch16),
];

function synchronize(layout: BlockRangeCdb): CommandDefinition {
  return {
    cdb: layout,
    access: "ready",
    conflicts: "any",
    admit: (command) => admitToEnd(command, layout),
    execute(command) {
      const { unit, task } = command;
      const immediate = layout.immediate.get(command.cdb, 0) !== 0;
      // The whole device, whatever the range: more than was asked for is always right.
      const completion = unit.device.flush(immediate ? undefined : task);
      if (!(completion instanceof Promise)) return failureOf(command, completion, "flush") ?? GOOD;
      if (!immediate) return completion.then((result) => failureOf(command, result, "flush") ?? GOOD);
      // Nothing is lost where this flush fails, since no later one then reports success over the same data.
      unit.inBackground(completion, command.server.logger);
      return GOOD;
    },
  };
}

function prefetch(layout: BlockRangeCdb): CommandDefinition {
  return {
    cdb: layout,
    access: "read",
    conflicts: "exclusive-access",
    admit: (command) => admitToEnd(command, layout),
    execute(command) {
      if (layout.immediate.get(command.cdb, 0) === 0) return fetch(command, command.task);
      command.unit.inBackground(fetch(command, undefined), command.server.logger);
      return fits(command) ? CONDITION_MET : GOOD;
    },
  };
}

/** Reading is what brings the range near: into the page cache, and its mapping entries to this agent. */
async function fetch(command: Command, by: Initiation | undefined): Promise<Execution> {
  const { unit } = command;
  const start = command.lba * unit.blockBytes;
  const bytes = Math.min(command.blocks * unit.blockBytes, PREFETCH_BYTES);
  for (let done = 0; done < bytes; done += STEP_BYTES) {
    const gone = outOfRangeNow(command);
    if (gone) return gone;
    const into = takeReadBuffer(Math.min(STEP_BYTES, bytes - done));
    const failure = failureOf(command, await unit.device.read(start + done, into, by), "read") ?? command.abortedAs;
    if (failure) return failure;
  }
  return fits(command) ? CONDITION_MET : GOOD;
}

function fits(command: Command): boolean {
  return command.blocks * command.unit.blockBytes <= PREFETCH_BYTES;
}

/** NUMBER OF LOGICAL BLOCKS 0: to the end of the medium (SBC-4 5.26). */
function admitToEnd(command: Command, layout: BlockRangeCdb): ScsiResult | undefined {
  const lba = layout.lba.get(command.cdb, 0);
  const blocks = layout.blocks.get(command.cdb, 0);
  if (blocks > 0) return addressRange(command, lba, blocks);
  return addressRange(command, lba, Math.max(0, command.unit.blocks - lba));
}
