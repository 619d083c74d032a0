/** Further tables of disks (seed A3): made, described, and taken away. */

import type { ControllerCore } from "../core.ts";
import { foundDisk, newIdentity } from "../disks.ts";
import type { AllRecords } from "../records.ts";
import { unitIdOf } from "../units/unit.ts";
import { Refusal } from "../user-error.ts";
import { problemOfRanges, sizeOfRanges } from "./ranges.ts";
import { type ViewRecord, viewKey } from "./record.ts";
import type { Table, TableRequest } from "./resources.ts";

/** As the tables of disks are called. */
const TABLE_ID = /^t\d+$/;

export async function createView(core: ControllerCore, disk: string, request: TableRequest): Promise<Table> {
  const record = foundDisk(core, disk);
  const { name, ranges } = request;
  const { views, pools } = core.records;
  if (TABLE_ID.test(name))
    throw new Refusal("name", `'${name}' is how the tables of disks are called; choose another name.`, 400);
  if (views.has(viewKey({ disk, name })))
    throw new Refusal("exists", `Disk '${disk}' has a table '${name}' already; choose another name.`);
  const { segmentBytes } = pools.get(record.pool) as { segmentBytes: number };
  const extent = { name: disk, sizeBytes: record.sizeBytes, segmentBytes };
  const problem = problemOfRanges(ranges, extent);
  if (problem !== undefined) throw new Refusal("range", problem, 400);
  const { table: id, naa, serial } = newIdentity(core);
  const view: ViewRecord = {
    name,
    disk,
    id,
    ranges: ranges.map(({ first, count }) => [first, count]),
    sizeBytes: sizeOfRanges(ranges, extent),
    naa,
    serial,
    createdAt: new Date(core.options.clock.dateMs()).toISOString(),
  };
  await core.options.store.commit({ puts: [views.put(viewKey(view), view), core.numbers()] });
  views.learn(viewKey(view), view);
  return describeView(view);
}

export async function deleteView(core: ControllerCore, disk: string, name: string): Promise<void> {
  const view = foundView(core.records, disk, name);
  const { views, units, exports } = core.records;
  const exported = exports.values().find((row) => row.disk === disk && row.table === name);
  if (exported !== undefined)
    throw new Refusal(
      "exported",
      `Table '${name}' of disk '${disk}' is exported to host '${exported.host}'; delete that export first.`,
    );
  const unit = unitIdOf(view);
  await core.units.inTurn(unit, async () => {
    await core.options.store.commit({ deletes: [views.key(viewKey(view)), units.key(unit)] });
    views.learn(viewKey(view), undefined);
    units.learn(unit, undefined);
  });
}

/** @throws Refusal */
export function foundView(records: AllRecords, disk: string, name: string): ViewRecord {
  const view = records.views.get(viewKey({ disk, name }));
  if (view !== undefined) return view;
  throw new Refusal(
    "not-found",
    `Disk '${disk}' has no further table '${name}'; list what there is, and name one of those.`,
    404,
  );
}

export function describeView({ ranges, ...view }: ViewRecord): Table {
  return {
    ...view,
    ranges: ranges.map(([first, count]) => ({ first, count })),
    segments: ranges.reduce((sum, [, count]) => sum + count, 0),
  };
}
