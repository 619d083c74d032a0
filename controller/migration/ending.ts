/** How operations end: what their end makes true is one transaction with their record that says so, whoever ends them first. */
import type { ControllerCore } from "../core.ts";
import type { Change } from "../store/commits.ts";
import type { OperationRecord, Task } from "./record.ts";

export type Ending = Pick<OperationRecord, "state"> & Partial<OperationRecord>;

/** One that has ended already, as when it was cancelled meanwhile, stays so, and only learns how far it came. */
export async function end(core: ControllerCore, id: string, ending: Ending): Promise<void> {
  const { operations } = core.records;
  const ended = await core.commits.run((change) => {
    const now = operations.get(id);
    if (now === undefined) return undefined;
    const isFirst = now.state === "running";
    const next = { ...now, ...ending, ...(isFirst ? {} : { state: now.state, problem: now.problem }) };
    change.put(operations.put(id, next)).learn(() => operations.learn(id, next));
    if (isFirst) settle(core, change, next);
    return next;
  });
  if (ended?.state === "done" && ended.task.kind === "migrate") await core.agents.reconcile();
}

/** How far it is, if it still runs; whether it does. */
export function progress(
  core: ControllerCore,
  id: string,
  far: Pick<OperationRecord, "moved" | "stayed">,
): Promise<boolean> {
  const { operations } = core.records;
  return core.commits.run((change) => {
    const now = operations.get(id);
    if (now?.state !== "running") return false;
    const next = { ...now, ...far };
    change.put(operations.put(id, next)).learn(() => operations.learn(id, next));
    return true;
  });
}

function settle(core: ControllerCore, change: Change, { task, state, stayed }: OperationRecord): void {
  if (state === "done") {
    if (stayed.length === 0) arrive(core, change, task);
  } else reopen(core, change, task);
}

/** Nothing lies in the pool that they came from any more. */
function arrive({ records }: ControllerCore, change: Change, task: Task): void {
  if (task.kind !== "migrate") return;
  for (const { from, ...disk } of records.disks.values()) {
    if (disk.family !== task.family || from === undefined) continue;
    change.put(records.disks.put(disk.name, disk)).learn(() => records.disks.learn(disk.name, disk));
  }
}

/** A device that is not emptied after all takes segments again. */
function reopen({ records, allocator, media }: ControllerCore, change: Change, task: Task): void {
  const record = task.kind === "evacuate" ? records.devices.get(String(task.device)) : undefined;
  if (record === undefined) return;
  const { closed: _, ...open } = record;
  const key = String(record.device);
  change.put(records.devices.put(key, open)).learn(() => {
    records.devices.learn(key, open);
    allocator.close(record.device, !media.has(record.device));
  });
}
