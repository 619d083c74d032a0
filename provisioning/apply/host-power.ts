/** What is done to a host's machine, whatever its guest makes of it. */
import { nicId, qmpCommand, reset, setLink } from "@sanlab/vm";
import { type HostRecord, readHostRecord } from "../hosts/record.ts";
import { hostRunDirectory } from "../state/layout.ts";
import { UserError } from "../user-error.ts";
import { settleRecordedHost } from "./host-steps.ts";
import { alone, type SingleOptions } from "./single.ts";

/** `sanlab host reset`: the button; returns when the guest sees its disks again. */
export async function resetHostWith(
  options: SingleOptions,
  name: string,
  { waits }: { waits: boolean },
): Promise<void> {
  await alone(options, async (context) => {
    const record = await recordOf(context.state, name);
    await reset(hostRunDirectory(context.state, name));
    if (waits) await settleRecordedHost(record, context);
  });
}

/** `sanlab host pause` and `resume`: the processors stand still, while time and the network go on. */
export async function pauseHost(state: string, name: string): Promise<void> {
  await qmpCommand(hostRunDirectory(state, name), "stop");
}

export async function resumeHost(state: string, name: string): Promise<void> {
  await qmpCommand(hostRunDirectory(state, name), "cont");
}

/** `sanlab host link`: the cable of a card, counted from 1. */
export async function setHostLink(state: string, name: string, card: number, isUp: boolean): Promise<void> {
  const { nics } = await recordOf(state, name);
  if (card < 1 || card > nics) {
    const known = nics === 1 ? "one network card, 1" : `the network cards 1 to ${nics}`;
    throw new UserError("HOST", `Host '${name}' has ${known}, and ${card} was named.`);
  }
  await setLink(hostRunDirectory(state, name), nicId(card - 1), isUp);
}

/** Whether the processors stand still. Undefined where QEMU does not say. */
export async function isPaused(state: string, name: string): Promise<boolean | undefined> {
  try {
    const { status } = (await qmpCommand(hostRunDirectory(state, name), "query-status")) as { status: string };
    return status === "paused";
  } catch {
    // It may be on its way down, or somebody else may be talking to it.
    return undefined;
  }
}

async function recordOf(state: string, name: string): Promise<HostRecord> {
  const record = await readHostRecord(state, name);
  if (record === undefined) throw new UserError("HOST", `There is no guest '${name}'.`);
  return record;
}
