/** What is kept of logical units: of units that are there, and reservations that somebody holds. */
import type { UnitRecord } from "../units/record.ts";
import { unitId, unitIdOf } from "../units/unit.ts";
import { viewKey } from "../views/record.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

/** Types that every registrant holds (SPC-4 table 34). */
const ALL_HOLD: readonly number[] = [7, 8];

export function units(stored: Stored, findings: Findings): void {
  const { records } = stored;
  const there = new Map([
    ...records.disks.values().map((disk) => [unitId(disk), disk.name] as const),
    ...records.views
      .values()
      .filter(({ disk }) => records.disks.has(disk))
      .map((view) => [unitIdOf(view), viewKey(view)] as const),
  ]);
  for (const [id, record] of records.units.entries()) {
    const unit = there.get(id);
    if (unit === undefined) {
      const isLoss = record.reservations.registrations.length > 0;
      const says = `There is a record of unit ${id}, which is of no disk.`;
      findings.add(
        "unit",
        says,
        `It is removed${isLoss ? ", with the registrations and reservations in it" : ""}.`,
        isLoss,
      );
      stored.drop(records.units, id);
      continue;
    }
    const mended = reservations(findings, unit, record);
    if (mended !== undefined) stored.save(records.units, id, { ...record, reservations: mended });
  }
}

type Reservations = UnitRecord["reservations"];
type Named = Reservations["registrations"][number];

/** Undefined: they are right. */
function reservations(findings: Findings, unit: string, { reservations: kept }: UnitRecord): Reservations | undefined {
  const { registrations, reservation } = kept;
  const ports = Map.groupBy(registrations, portText);
  const once = [...ports.values()].map(([first]) => first as Named);
  const holds =
    reservation === null ||
    (ALL_HOLD.includes(reservation.type) ? registrations.length > 0 : ports.has(portText(reservation.holder)));
  if (once.length === registrations.length && holds) return undefined;
  if (once.length < registrations.length)
    findings.add("unit", `A port is registered twice with '${unit}'.`, "The first of its keys counts.", true);
  if (!holds)
    findings.add("unit", `The reservation of '${unit}' is of a port that is not registered.`, "It is released.", true);
  return { ...kept, registrations: once, reservation: holds ? reservation : null };
}

function portText({ initiatorPort, relativePortId }: Pick<Named, "initiatorPort" | "relativePortId">): string {
  return `${relativePortId} ${initiatorPort}`;
}
