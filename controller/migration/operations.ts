/** Operations that move segments: begun, gone on with after a restart, watched, and cancelled. */
import type { Operation, OperationRequest } from "../api/resources.ts";
import { pause } from "../clock.ts";
import type { ControllerCore } from "../core.ts";
import { foundDisk } from "../disks.ts";
import { devicesNamed } from "../injection/item.ts";
import type { DeviceRecord } from "../records.ts";
import { notFound, Refusal } from "../user-error.ts";
import { type Ending, end, progress } from "./ending.ts";
import { count, PoolFull, pass } from "./pass.ts";
import { openDevices, policyOf } from "./policy.ts";
import { prepare } from "./preparation.ts";
import type { OperationRecord, Task } from "./record.ts";

/** How many that are over are still told of. */
const REMEMBERED = 50;
/** How far it is goes on record as often as this, and before a pause that lasts longer. */
const RECORD_EVERY_MS = 500;
/** How often one that is slow on purpose is looked after. */
const LOOK_EVERY_MS = 1000;

export async function beginOperation(core: ControllerCore, request: OperationRequest): Promise<Operation> {
  const task = taskOf(core, request);
  refuseSecond(core, task);
  // What nobody has written need not be moved.
  await core.ahead.settle();
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
  await prepare(core, task, total, (change) => {
    change.put(core.records.operations.put(record.id, record)).put(core.numbers());
    change.learn(() => core.records.operations.learn(record.id, record));
  });
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
  if (record.state === "running") return end(core, id, { state: "cancelled" });
  // One that was cancelled and is still at its last segments has something to record yet.
  if (!core.working.has(id)) await operations.remove(core.options.store, id);
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
  if (core.working.has(id)) return;
  core.working.add(id);
  work(core, id)
    .catch((error: unknown) => core.bug(error))
    .finally(() => core.working.delete(id));
}

async function work(core: ControllerCore, id: string): Promise<void> {
  const { task, rate, ...begun } = core.records.operations.get(id) as OperationRecord;
  let { moved, stayed } = begun;
  const segmentBytes = core.records.pools.get(task.pool)?.segmentBytes;
  if (segmentBytes === undefined)
    return end(core, id, { state: "failed", problem: `Pool '${task.pool}' is there no more.` });
  const staying = new Set(stayed.map(({ at }) => `${at.device}/${at.segment}`));
  const { clock } = core.options;
  let recordedMs = clock.nowMs();
  const goesOn = async (segments: number) => {
    moved += segments;
    const pauseMs = rate === null ? 0 : (segments * segmentBytes * 1000) / rate;
    if (clock.nowMs() + pauseMs - recordedMs >= RECORD_EVERY_MS) {
      recordedMs = clock.nowMs();
      await progress(core, id, { moved, stayed });
    }
    const runs = () => core.records.operations.get(id)?.state === "running";
    await pauseWhile(core, runs, pauseMs);
    return runs();
  };
  const stays = (stay: OperationRecord["stayed"][number]) => {
    stayed = [...stayed, stay];
    moved -= 1;
  };
  const problem = await problemOf(core, () => pass(core, policyOf(core, task), { goesOn, stays, staying }));
  const state = problem === null ? "done" : "failed";
  await recorded(core, id, { state, moved, stayed, problem });
  await forgetOld(core);
}

/** One that is cancelled does not wait for the rest. */
async function pauseWhile(core: ControllerCore, runs: () => boolean, ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0 && runs(); leftMs -= LOOK_EVERY_MS)
    await pause(core.options.clock, Math.min(leftMs, LOOK_EVERY_MS));
}

async function problemOf(core: ControllerCore, work: () => Promise<void>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof PoolFull)
      return `Pool '${error.message}' is full; grow it, and begin again: what was moved stays moved.`;
    core.bug(error);
    return `It could not go on (${error instanceof Error ? error.message : String(error)}); mend that, and begin again: what was moved stays moved.`;
  }
}

/** Where even that cannot be written it is told of all the same, and can be begun again; the next start goes on with it. */
async function recorded(core: ControllerCore, id: string, ending: Ending): Promise<void> {
  try {
    await end(core, id, ending);
  } catch (error) {
    core.bug(error);
    const { operations } = core.records;
    const now = operations.get(id);
    const problem = `Its end could not be recorded (${error instanceof Error ? error.message : String(error)}).`;
    if (now?.state === "running")
      operations.learn(id, { ...now, ...ending, state: "failed", problem: ending.problem ?? problem });
  }
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
      const { device, pool, path } = foundDevice(core, request.device);
      if (!core.media.has(device))
        throw new Refusal(
          "missing",
          `${path} is not there, so that nothing can be copied from it; bring it back first.`,
        );
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
  // One that runs has its disks in the new pool already.
  return [...new Set([task.pool, ...family.flatMap(({ pool, from = pool }) => [pool, from])])];
}
