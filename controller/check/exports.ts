/** What hosts are shown: further tables of disks, and exports. */
import { exportName } from "../access.ts";
import type { ExportRecord } from "../records.ts";
import type { Records } from "../store/records.ts";
import { exportedUnit } from "../units/unit.ts";
import { problemOfRanges } from "../views/ranges.ts";
import { type ViewRecord, viewKey } from "../views/record.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

/** A further table shows segments that its disk has, each once. Before exports. */
export function views(stored: Stored, findings: Findings): void {
  const { views: all } = stored.records;
  for (const [key, view] of all.entries()) {
    const problem =
      problemOfView(stored, view) ?? (key === viewKey(view) ? undefined : "It is on record under another name.");
    if (problem === undefined) continue;
    findings.add("view", `Table '${view.name}' of disk '${view.disk}' cannot be: ${problem}`, "It is removed.", true);
    stored.drop(all as Records<object>, key);
  }
}

function problemOfView({ records }: Stored, view: ViewRecord): string | undefined {
  const disk = records.disks.get(view.disk);
  if (disk === undefined) return `There is no disk '${view.disk}'.`;
  const { segmentBytes } = records.pools.get(disk.pool) ?? { segmentBytes: 1 };
  const ranges = view.ranges.map(([first, count]) => ({ first, count }));
  const isAsLarge = lengthOf(view) === Math.ceil(view.sizeBytes / segmentBytes);
  return (
    problemOfRanges(ranges, { ...disk, segmentBytes }) ??
    (isAsLarge ? undefined : `Its ${lengthOf(view)} segments are not its ${view.sizeBytes} bytes.`)
  );
}

function lengthOf({ ranges }: ViewRecord): number {
  return ranges.reduce((sum, [, count]) => sum + count, 0);
}

/** An export of what is not there would keep an agent from all that it is to have; of two in one LUN a host would see either. */
export function exports(stored: Stored, findings: Findings): void {
  const { exports: rows } = stored.records;
  const taken = new Map<string, string>();
  for (const [key, row] of rows.entries()) {
    const { host, disk, lun } = row;
    const missing = missingOf(stored, row);
    const other = taken.get(`${host} ${lun}`);
    const wrong =
      (missing && `but there is no ${missing}`) ??
      (other === undefined ? undefined : `in LUN ${lun}, as disk '${other}' is`) ??
      (key === exportName(row) ? undefined : `but by the record of ${key}`);
    if (wrong === undefined) {
      taken.set(`${host} ${lun}`, disk);
      onlyThrough(stored, findings, key, row);
      continue;
    }
    const again = missing === undefined ? " Export the disk to the host again." : "";
    findings.add(
      "export",
      `Disk '${disk}' is exported to host '${host}', ${wrong}.`,
      `The export is removed.${again}`,
      missing === undefined,
    );
    stored.drop(rows as Records<object>, key);
  }
}

/** Of an agent that is gone nothing is left; one that is added later by its name is another. */
function onlyThrough(stored: Stored, findings: Findings, key: string, row: ExportRecord): void {
  const { agents, exports: rows } = stored.records;
  const there = row.agents?.filter((name) => agents.has(name));
  if (there === undefined || there.length === row.agents?.length) return;
  const gone = row.agents?.filter((name) => !agents.has(name)).join("', '");
  const says = `Disk '${row.disk}' is exported to host '${row.host}' through agent '${gone}', which is not there.`;
  findings.add("export", says, "It is not through that any more.");
  stored.save(rows, key, { ...row, agents: there });
}

function missingOf({ records }: Stored, row: ExportRecord): string | undefined {
  const { host, disk, table } = row;
  if (!records.disks.has(disk)) return `disk '${disk}'`;
  if (!records.hosts.has(host)) return `host '${host}'`;
  return exportedUnit(records, row) === undefined ? `table '${table}' of disk '${disk}'` : undefined;
}
