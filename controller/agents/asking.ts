/** What an agent may ask about: tables that it holds by the records, and segments that they have. */
import type { AllRecords } from "../records.ts";

export interface AskedRange {
  readonly table: string;
  readonly first: number;
  readonly count: number;
}

export function holds(records: AllRecords, agent: string, table: string): boolean {
  return records.agents.get(agent)?.tables.includes(table) === true;
}

export function mayAsk(records: AllRecords, agent: string, { table, first, count }: AskedRange): boolean {
  const disk = records.disks.values().find((one) => one.table === table);
  if (disk === undefined || !holds(records, agent, table)) return false;
  const { segmentBytes } = records.pools.get(disk.pool) as { segmentBytes: number };
  const isRange = Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count > 0;
  return isRange && first + count <= Math.ceil(disk.sizeBytes / segmentBytes);
}
