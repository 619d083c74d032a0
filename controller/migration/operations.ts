/** Operations that move segments: begun, gone on with after a restart, watched, and cancelled. */
import type { Operation, OperationRequest } from "../api/resources.ts";
import { pause } from "../clock.ts";
import type { ControllerCore } from "../core.ts";
import { foundDisk } from "../disks.ts";
import { devicesNamed } from "../injection/item.ts";
import type { DeviceRecord, PoolRecord } from "../records.ts";
import type { Change } from "../store/commits.ts";
import { notFound, Refusal } from "../user-error.ts";
import { count, PoolFull, pass } from "./pass.ts";
import { openDevices, policyOf } from "./policy.ts";
import { finish, giveUp, prepare } from "./preparation.ts";
import type { OperationRecord, Task } from "./record.ts";

/** How many that are over are still told of. */
const REMEMBERED = 50;
/** Batches between two records of how far it is. */
const RECORD_EVERY = 16;

export async function beginOperation(core: ControllerCore, request: OperationRequest): Promise<Operation> {
  const task = taskOf(core, request);
  refuseSecond(core, task);
  const total = await count(core, policyOf(core, task));
  const record: OperationRecord = {
    id: String(core.nextNumber()),
    task,
    state: "running",
    createdAt: new Date(core.options.clock.dateMs()).toISOString(),
    total,
    moved: 0,
    stayed: [],
    rate: request.rate ?? null,
    problem: null,
  };
  await prepare(core, task, total, (change) => put(core, change, record));
  run(core, record.id);
  return describeOperation(core, record);
}

/** Those that a crash interrupted. */
export function resumeOperations(core: ControllerCore): void {
  for (const { id, state } of core.records.operations.values()) if (state === "running") run(core, id);
}

/** Stops one that runs, and forgets one that is over. */
export async function cancelOperation(core: ControllerCore, id: string): Promise<void> {
  const { operations } = core.records;
  const record = operations.get(id);
  if (record === undefined) throw notFound("operation", id);
  if (record.state === "running") {
    await giveUp(core, record.task, (change) => put(core, change, { ...record, state: "cancelled" }));
  } else await operations.remove(core.options.store, id);
}

export function describeOperation(core: ControllerCore, { task, ...record }: OperationRecord): Operation {
  const path = (device: number) => core.records.devices.get(String(device))?.path ?? null;
  return {
    ...record,
    kind: task.kind,
    pool: task.pool,
    disk: task.kind === "migrate" ? task.disk : null,
    device: task.kind === "evacuate" ? path(task.device) : null,
    stayed: record.stayed.map(({ at, ...stay }) => ({ ...stay, device: path(at.device), deviceSegment: at.segment })),
  };
}

function run(core: ControllerCore, id: string): void {
  work(core, id).catch((error: unknown) => core.bug(error));
}

async function work(core: ControllerCore, id: string): Promise<void> {
  // It may be cancelled while it moves something, and then forgotten.
  const current = () => core.records.operations.get(id);
  const begun = current() as OperationRecord;
  const { task, rate } = begun;
  const { segmentBytes } = core.records.pools.get(task.pool) as PoolRecord;
  let { moved, stayed } = begun;
  const staying = new Set(stayed.map(({ at }) => `${at.device}/${at.segment}`));
  let batches = 0;
  const goesOn = async (segments: number) => {
    moved += segments;
    batches += 1;
    const now = current();
    if (batches % RECORD_EVERY === 0 && now?.state === "running") await save(core, { ...now, moved, stayed });
    if (rate !== null) await pause(core.options.clock, (segments * segmentBytes * 1000) / rate);
    return current()?.state === "running";
  };
  const stays = (stay: OperationRecord["stayed"][number]) => {
    stayed = [...stayed, stay];
    moved -= 1;
  };
  const problem = await problemOf(() => pass(core, policyOf(core, task), { goesOn, stays, staying }));
  const over = problem === null ? "done" : "failed";
  const state = current()?.state === "running" ? over : "cancelled";
  if (state === "done") await core.administer(() => finish(core, task, stayed));
  await core.administer(async () => {
    const last = current();
    if (last === undefined) return;
    const ended: OperationRecord = { ...last, state, moved, stayed, problem };
    if (state !== "failed") return save(core, ended);
    await giveUp(core, task, (change) => put(core, change, ended));
  });
  await forgetOld(core);
}

async function problemOf(work: () => Promise<void>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (!(error instanceof PoolFull)) throw error;
    return `Pool '${error.message}' is full; grow it, and begin again: what was moved stays moved.`;
  }
}

function put(core: ControllerCore, change: Change, record: OperationRecord): void {
  const { operations } = core.records;
  change
    .put(operations.put(record.id, record))
    .put(core.numbers())
    .learn(() => operations.learn(record.id, record));
}

async function save(core: ControllerCore, record: OperationRecord): Promise<void> {
  await core.records.operations.save(core.options.store, record.id, record);
}

async function forgetOld({ records, options }: ControllerCore): Promise<void> {
  const over = records.operations.values().filter(({ state }) => state !== "running");
  const old = over.sort((a, b) => Number(b.id) - Number(a.id)).slice(REMEMBERED);
  for (const { id } of old) await records.operations.remove(options.store, id);
}

function taskOf(core: ControllerCore, request: OperationRequest): Task {
  switch (request.kind) {
    case "migrate": {
      const disk = foundDisk(core, request.disk);
      if (!core.records.pools.has(request.pool)) throw notFound("pool", request.pool);
      return { kind: "migrate", disk: disk.name, family: disk.family, pool: request.pool };
    }
    case "evacuate": {
      const { device, pool } = foundDevice(core, request.device);
      return { kind: "evacuate", device, pool };
    }
    case "rebalance":
      if (!core.records.pools.has(request.pool)) throw notFound("pool", request.pool);
      if (openDevices(core, request.pool).length < 2) {
        throw new Refusal(
          "one-device",
          `Pool '${request.pool}' has fewer than two devices to spread over; grow it first.`,
        );
      }
      return { kind: "rebalance", pool: request.pool };
  }
}

/** By its number, or the last part of its path. @throws Refusal */
export function foundDevice(core: ControllerCore, name: string): DeviceRecord {
  const whole = core.records.devices.values().find(({ path }) => path === name);
  const [device, another] = whole === undefined ? devicesNamed(core.records, name) : [whole.device];
  if (device === undefined) throw notFound("device", name);
  if (another !== undefined)
    throw new Refusal("ambiguous", `Several devices are called '${name}'; name one by its number.`);
  return core.records.devices.get(String(device)) as DeviceRecord;
}

function refuseSecond({ records }: ControllerCore, task: Task): void {
  const pools = (one: Task) => (one.kind === "migrate" ? sourcesOf(records, one) : [one.pool]);
  const mine = pools(task);
  const other = records.operations
    .values()
    .find((one) => one.state === "running" && pools(one.task).some((pool) => mine.includes(pool)));
  if (other === undefined) return;
  throw new Refusal(
    "busy",
    `Operation ${other.id} (${other.task.kind}) is moving segments of pool '${other.task.pool}' already; wait for its end, or cancel it.`,
  );
}

function sourcesOf(records: ControllerCore["records"], task: Task & { kind: "migrate" }): string[] {
  const family = records.disks.values().filter((disk) => disk.family === task.family);
  return [...new Set([task.pool, ...family.map(({ pool }) => pool)])];
}
