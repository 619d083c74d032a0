/** What each numbered message does (docs/protocol.md, Messages). A promise stands for an effect that is not complete yet; a string it resolves with says why it failed. */
import type { DecodedFrame } from "../mapping/frame.ts";
import type { MappedDevice } from "../mapping/mapped-device.ts";
import type { CreateTable, Keep, NumberedMessage } from "../mapping/protocol.ts";
import { TableView } from "../mapping/table-view.ts";
import { OK } from "../storage/block-device.ts";
import { AbsentDevice } from "./absent-device.ts";
import type { AgentCore } from "./core.ts";
import type { OpenDevice } from "./devices.ts";
import { LeasedDisk } from "./leased-disk.ts";

type Effect = Promise<string | undefined> | undefined;
type Message<T extends NumberedMessage["type"]> = Extract<NumberedMessage, { type: T }>;

const EFFECTS: {
  readonly [T in NumberedMessage["type"]]: (core: AgentCore, message: Message<T>, frame?: DecodedFrame) => Effect;
} = {
  keep: (core, message) => settled(keepOnly(core, message)),
  add_device: (core, message) => {
    const added = addDevice(core, message);
    return message.sync === true ? synced(core, message.device, added) : added;
  },
  remove_device: (core, { device }) => settled(removeDevice(core, device)),
  create_table: (core, message) => {
    const device = core.tables.get(message.table);
    core.pools.set(message.table, message.pools);
    if (device === undefined) core.tables.set(message.table, core.createTable(message));
    // It may have changed while there was no controller that could say so.
    else changeTable(core, device, message);
    return undefined;
  },
  resize_table: (core, message) => {
    const device = core.tables.get(message.table);
    if (device !== undefined) changeTable(core, device, message);
    return undefined;
  },
  delete_table: (core, { table }) => settled(deleteTable(core, table)),
  set_entry: (core, message) => {
    const device = core.tables.get(message.table);
    // I/O of the table as it was before it was deleted here holds entries until it has ended.
    const leaving = message.blocking ? core.leaving.get(message.table) : undefined;
    if (device === undefined) return leaving && settled(leaving);
    // Who holds the old entries is asked before the new ones stand; new I/O meets the new ones.
    const count = message.runs.reduce((sum, run) => sum + run.count, 0);
    const drained = message.blocking ? device.references.drain(message.first, count) : undefined;
    device.table.set(message.first, message.runs, message.generation);
    return (drained || leaving) && settled(Promise.all([drained, leaving]));
  },
  protect_table: (core, { table }) => {
    const device = core.tables.get(table);
    const leaving = core.leaving.get(table);
    if (device === undefined) return leaving && settled(leaving);
    const drained = device.references.drain(0, device.table.segments);
    device.table.protect();
    return (drained || leaving) && settled(Promise.all([drained, leaving]));
  },
  chunk: (core, message, frame) => {
    if (frame !== undefined)
      core.tables.get(message.table)?.table.fill(message.chunk, frame.entries, message.generation);
    return undefined;
  },
  fault_response: (core, message) => {
    core.tables.get(message.table)?.faults.answer(message.fault, message.outcome);
    return undefined;
  },
  unmap_response: (core, message) => {
    core.tables.get(message.table)?.unmapping.answer(message.request, message.outcome);
    return undefined;
  },
  publish_unit: (core, { unit, state }) => {
    const device = core.tables.get(unit.table);
    if (device === undefined) return undefined;
    if (core.units.has(unit.id)) return settled(core.shared.adopt(unit.id, state));
    device.exclusions.shownBy(unit.id);
    core.units.set(unit.id, unit);
    const shown = unit.view === undefined ? device : new TableView(device, unit.view);
    const disk = core.lease ? new LeasedDisk(shown, core.lease.isValid) : shown;
    core.options.publication.publishUnit(unit, disk, core.shared.open(unit, state));
    return undefined;
  },
  // Commands of the unit as it was before it was taken from hosts here may be at the devices still.
  set_unit: (core, { unit, state }) => settled(Promise.all([core.shared.adopt(unit, state), core.retiring.get(unit)])),
  set_ports: (core, message) => {
    core.shared.setPorts(message);
    return undefined;
  },
  unit_response: (core, message) => {
    core.shared.answered(message).catch(core.options.onBug);
    return undefined;
  },
  hold: (core, { table, hold, first, count }) =>
    settled(Promise.all([core.tables.get(table)?.hold(hold, first, count), core.leaving.get(table)])),
  unhold: (core, { table, hold }) => {
    core.tables.get(table)?.exclusions.unhold(hold);
    return undefined;
  },
  // I/O of the table as it was before it was deleted here began when this agent had it alone.
  alone: (core, { table, alone }) =>
    settled(Promise.all([core.tables.get(table)?.setAlone(alone), core.leaving.get(table)])),
  excluded: (core, { table, request }) => {
    core.tables.get(table)?.exclusions.excluded(request);
    return undefined;
  },
  readmitted: (core, { table, request }) => {
    core.tables.get(table)?.exclusions.readmitted(request);
    return undefined;
  },
  unpublish_unit: (core, { unit }) => settled(unpublishUnit(core, unit)),
  publish_host: (core, message) => {
    core.hosts.add(message.initiator);
    return settled(core.options.publication.publishHost(message));
  },
  unpublish_host: (core, { initiator }) => {
    core.hosts.delete(initiator);
    return settled(core.options.publication.unpublishHost(initiator));
  },
  set_chap: (core, { chap }) => settledWith(core.options.publication.setChap?.(chap)),
  set_injections: (core, { rules }) => {
    core.options.injections?.set(rules, core.devices);
    return undefined;
  },
  set_port_groups: (core, { groups }) => {
    core.options.publication.setPortGroups(groups);
    return undefined;
  },
};

export function apply(core: AgentCore, message: NumberedMessage, frame?: DecodedFrame): Effect {
  const effect = EFFECTS[message.type] as (core: AgentCore, message: NumberedMessage, frame?: DecodedFrame) => Effect;
  return effect(core, message, frame);
}

/** A sentence where it failed. */
function settledWith(problem: string | undefined): Effect {
  return problem === undefined ? undefined : Promise.resolve(problem);
}

function changeTable(
  core: AgentCore,
  device: MappedDevice,
  { table, sizeBytes, pools }: Pick<CreateTable, "table" | "sizeBytes" | "pools">,
): void {
  core.pools.set(table, pools);
  if (device.sizeBytes !== sizeBytes) device.resize(sizeBytes);
}

async function settled(work: Promise<unknown> | undefined): Promise<undefined> {
  await work;
}

type Kept = Pick<Keep, "devices" | "tables" | "units" | "initiators">;

async function keepOnly(core: AgentCore, keep: Kept): Promise<void> {
  const initiators = [...core.hosts].filter((name) => !keep.initiators.includes(name));
  for (const name of initiators) core.hosts.delete(name);
  const units = [...core.units.keys()].filter((id) => !keep.units.includes(id));
  // Those too that an earlier controller had deleted here, and whose I/O is still under way.
  const tables = [...core.tables.keys(), ...core.leaving.keys()].filter((id) => !keep.tables.includes(id));
  // Together: hosts and units wait for their tasks, and a task may be an unmap that ends with its table, or was asked of
  // the controller before: this one serves no table before it has the acknowledgement of this.
  const ending = Promise.all([
    ...initiators.map((name) => core.options.publication.unpublishHost(name)),
    ...units.map((id) => unpublishUnit(core, id)),
    ...tables.map((id) => deleteTable(core, id)),
  ]);
  for (const table of core.tables.values()) table.unmapping.endVoid();
  await ending;
  await Promise.all(
    [...core.devices.keys()].filter((id) => !keep.devices.includes(id)).map((id) => removeDevice(core, id)),
  );
}

/** As for a process that begins; resolved when nothing is under way any more. */
export function dropAll(core: AgentCore): Promise<void> {
  const nothing = { devices: [], tables: [], units: [], initiators: [] };
  return keepOnly(core, nothing);
}

/**
 * One that is open as it is to be stays so. One that is opened in place of one of which no flush succeeded is shown to hosts
 * already: no flush of it succeeds either until others have vouched for it. Not where it was opened again while none
 * succeeded anywhere (`unsynced`): nobody has been told of a sync since.
 */
function addDevice(core: AgentCore, message: Message<"add_device">): Effect {
  const { device, pool, direct, unsynced = false, openings = 0, removed = false } = message;
  const before = core.devices.get(device);
  if (before !== undefined && isOpenAsTold(before, message)) return heed(core, before, message);
  const isInPlace = before !== undefined && (before.isAbsent || before.openings !== openings);
  const syncs = core.unsynced.history(message, !unsynced && (isInPlace || before?.syncs.isUnvouched === true));
  const open = { pool, direct, unsynced, openings, isAbsent: removed, syncs };
  try {
    const opened = removed ? new AbsentDevice() : core.options.openDevice(message, core.lease?.isValid, syncs);
    core.devices.set(device, { ...open, device: opened });
  } catch (error) {
    if (before?.openings === openings && !before.isAbsent) throw error;
    // What an opening from before somebody has seen to the device would be told later, nobody would know.
    core.devices.set(device, { ...open, device: new AbsentDevice(), isAbsent: true });
    return before === undefined ? refusal(error) : replaced(core, before).then(() => refusal(error));
  }
  if (before === undefined || before.isAbsent) return undefined;
  return removed ? settled(before.device.close()) : replaced(core, before);
}

function isOpenAsTold(before: OpenDevice, { direct, openings = 0, removed = false }: Message<"add_device">): boolean {
  return !before.isAbsent && !removed && before.direct === direct && before.openings === openings;
}

/** A sync has failed elsewhere; or all have opened it since somebody has seen to that; or others have vouched for it. */
function heed(core: AgentCore, before: OpenDevice, message: Message<"add_device">): undefined {
  const { device, unsynced = false, vouched = false } = message;
  if (before.unsynced !== unsynced) {
    core.devices.set(device, { ...before, unsynced });
    before.syncs.hasFailed = core.unsynced.history(message).hasFailed;
  }
  if (vouched) before.syncs.isUnvouched = false;
}

/** @throws a bug */
function refusal(error: unknown): Promise<string> {
  if (error instanceof Error && "code" in error) return Promise.resolve(error.message);
  throw error;
}

/** A failure is told (`unsynced`) before this is acknowledged. */
async function synced(core: AgentCore, id: number, added: Effect): Promise<string | undefined> {
  const problem = await added;
  await core.devices.get(id)?.device.flush();
  return problem;
}

/** A device that was opened anew, past the page cache or through it: what it held is on the medium before the effect is complete. */
async function replaced({ tables }: AgentCore, { device, unsynced, syncs }: OpenDevice): Promise<string | undefined> {
  await Promise.all(
    [...tables.values()].map(({ references, table }) => Promise.resolve(references.drain(0, table.segments))),
  );
  const flushed = await device.flush();
  await device.close();
  return flushed === OK || unsynced || syncs.isUnvouched === true
    ? undefined
    : "A storage device failed to write out its cache; see the system's log.";
}

async function unpublishUnit(core: AgentCore, id: string): Promise<void> {
  if (!core.units.delete(id)) return;
  core.shared.close(id);
  const retiring = Promise.all([core.retiring.get(id), core.options.publication.unpublishUnit(id)]).then(() => {
    if (core.retiring.get(id) === retiring) core.retiring.delete(id);
  });
  core.retiring.set(id, retiring);
  await retiring;
}

async function deleteTable(core: AgentCore, id: string): Promise<void> {
  const device = core.tables.get(id);
  core.tables.delete(id);
  core.pools.delete(id);
  if (device === undefined) return core.leaving.get(id);
  const leaving = Promise.all([core.leaving.get(id), device.delete()]).then(() => {
    if (core.leaving.get(id) === leaving) core.leaving.delete(id);
  });
  core.leaving.set(id, leaving);
  await leaving;
}

async function removeDevice(core: AgentCore, id: number): Promise<void> {
  const open = core.devices.get(id);
  core.devices.delete(id);
  await open?.device.close();
}
