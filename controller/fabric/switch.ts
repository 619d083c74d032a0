/**
 * Other zones come into force as a whole. First every agent takes away what they do not allow, or is fenced; only when
 * nothing of it is left anywhere is what they add granted. So no host is let in, or sees a disk, by some of the old
 * zones and some of the new ones: while they are switched it sees what both allow, and then what the new ones do.
 */
import type { ControllerCore } from "../core.ts";
import type { Put } from "../store/records.ts";
import type { FabricRecord } from "./records.ts";
import { effectiveZones } from "./zoning.ts";

/** What changes, in one transaction with the record that says that zones are being switched. */
export interface ZoneChange {
  /** The zone set that is to be the active one; absent: it stays. */
  readonly zoneSet?: string | null;
  readonly put?: Put;
  /** Called once it is durable. */
  readonly learn?: () => void;
}

/** Resolves when every agent has the new zones. */
export async function switchZones(core: ControllerCore, { zoneSet, put, learn }: ZoneChange): Promise<void> {
  await finishSwitch(core);
  const { fabric } = core.records;
  const leaving = effectiveZones(core.records).map(({ hosts, agents, disks }) => ({ hosts, agents, disks }));
  const active = fabric.get("fabric")?.zoneSet ?? null;
  const record: FabricRecord = { zoneSet: zoneSet === undefined ? active : zoneSet, leaving };
  await core.options.store.commit({ puts: [fabric.put("fabric", record), ...(put === undefined ? [] : [put])] });
  fabric.learn("fabric", record);
  learn?.();
  await finishSwitch(core);
}

/** Goes on with a switch that is on record, if one is: also after a controller ended in the midst of it. */
export async function finishSwitch(core: ControllerCore): Promise<void> {
  const record = core.records.fabric.get("fabric");
  if (record?.leaving === undefined) return;
  await core.agents.everyone("serving");
  await core.records.fabric.save(core.options.store, "fabric", { zoneSet: record.zoneSet });
  await core.agents.reconcile();
}
