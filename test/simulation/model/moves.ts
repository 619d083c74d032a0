/** Operations that move segments: where one is over that was not cancelled, nothing is left where it was to go away from. */
import type { OperationRecord } from "@sanlab/controller/migration/record.ts";
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { locationName } from "@sanlab/controller/tables/layout.ts";
import { Violation } from "../engine/violation.ts";
import type { Lab } from "../world/lab.ts";

const OPERATION = "operation/";

/** @throws Violation */
export function checkMoves(lab: Lab, { puts = [] }: Transaction): void {
  for (const [key, value] of puts) {
    if (!key.startsWith(OPERATION)) continue;
    const record = JSON.parse(Buffer.from(value).toString()) as OperationRecord;
    if (record.state === "done") checkDone(lab, record);
  }
}

function checkDone({ durable, controller }: Lab, { id, task, stayed }: OperationRecord): void {
  const records = controller.core?.records;
  if (records === undefined || task.kind === "rebalance") return;
  const family = new Set(
    records.disks
      .values()
      .flatMap((disk) => (task.kind === "migrate" && disk.family === task.family ? disk.table : [])),
  );
  const pool = (device: number) => records.devices.get(String(device))?.pool;
  const known = new Set(stayed.map(({ at }) => locationName(at)));
  for (const { table, segment, location } of durable.locations()) {
    const isLeft =
      task.kind === "evacuate"
        ? location.device === task.device
        : family.has(table) && pool(location.device) !== task.pool;
    if (isLeft && !known.has(locationName(location)))
      throw new Violation(
        "migration",
        `operation ${id} (${task.kind}) is done, but segment ${segment} of ${table} lies at ${locationName(location)}`,
      );
  }
}
