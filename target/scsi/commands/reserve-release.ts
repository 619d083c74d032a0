/** RESERVE and RELEASE (SPC-2 7.16 to 7.22), beside persistent reservations as SPC-4 5.13.3 has it (CRH = 1). */
import { Release6, Release10, Reserve6, Reserve10, type UnitReserveCdb } from "../cdb.ts";
import { type Command, GOOD, RESERVATION_CONFLICT } from "../command.ts";
import type { LogicalUnit } from "../logical-unit.ts";
import type { Reservations } from "../reservations/reservations.ts";
import { holds, registrationOf, rulesOf } from "../reservations/state.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { changeFor, type UnitChange } from "../unit-change.ts";
import type { CommandDefinition } from "./definition.ts";

export const reserveReleaseCommands: readonly CommandDefinition[] = [
  reserve(Reserve6),
  reserve(Reserve10),
  release(Release6),
  release(Release10),
];

export function reservable(unit: LogicalUnit): boolean {
  return unit.reservations !== undefined;
}

/** The row of a command that every unit with reservations has. @throws Error where the unit has none: a bug of the table. */
export function reservationsOf({ unit }: Command): Reservations {
  if (unit.reservations === undefined) throw new Error("A command on reservations came to a unit that has none.");
  return unit.reservations;
}

function reserve(layout: UnitReserveCdb): CommandDefinition {
  return {
    cdb: layout,
    access: "none",
    conflicts: "reserve",
    supported: reservable,
    admit: (command) => admit(command, layout),
    execute: (command) => change(command, take),
  };
}

function release(layout: UnitReserveCdb): CommandDefinition {
  return {
    cdb: layout,
    access: "none",
    // RELEASE by another than the holder is GOOD, and does nothing (SPC-2 7.16.2).
    conflicts: "never",
    supported: reservable,
    admit: (command) => admit(command, layout),
    execute: (command) => change(command, giveBack),
  };
}

function admit(command: Command, { thirdParty, extent }: UnitReserveCdb): ScsiResult | undefined {
  if (thirdParty.get(command.cdb, 0) !== 0) return command.invalidField(thirdParty);
  return extent.get(command.cdb, 0) !== 0 ? command.invalidField(extent) : undefined;
}

/** With registrations there, RESERVE and RELEASE do nothing for those who have the unit already, and conflict for the others. */
function besidePersistent(command: Command): ScsiResult | undefined {
  const { state } = reservationsOf(command);
  const { registrant } = command.itl;
  if (state.registrations.length === 0) return undefined;
  const { reservation } = state;
  const shares =
    reservation !== undefined && rulesOf(reservation.type).registrants && registrationOf(state, registrant);
  return shares || holds(state, registrant) ? GOOD : RESERVATION_CONFLICT;
}

async function change(command: Command, plan: (command: Command) => UnitChange | undefined): Promise<Execution> {
  let answer: ScsiResult = GOOD;
  const failure = await changeFor(command, () => {
    // On another path somebody may have been faster.
    const beside = command.conflict ? RESERVATION_CONFLICT : besidePersistent(command);
    answer = beside ?? GOOD;
    return beside === undefined ? plan(command) : undefined;
  });
  return failure ?? answer;
}

function take(command: Command): UnitChange | undefined {
  const { itl } = command;
  return reservationsOf(command).reserver === itl ? undefined : { by: itl, command, reserver: itl };
}

function giveBack(command: Command): UnitChange | undefined {
  const { itl } = command;
  return reservationsOf(command).reserver === itl ? { by: itl, command, reserver: null } : undefined;
}
