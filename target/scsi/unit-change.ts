/**
 * Changes of what a logical unit is for all its hosts: reservations, mode parameters, access
 * states, and what a reset does. Where several device servers present the unit, each change is made
 * by its keeper and carried out by all of them before it counts as made.
 */
import type { AccessRow } from "./access-states.ts";
import { Attention } from "./attention.ts";
import { type Command, RESERVATION_CONFLICT } from "./command.ts";
import { Condition } from "./condition.ts";
import type { ItlNexus } from "./itl-nexus.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import type { ModeParameters } from "./mode/parameters.ts";
import type { Reserver } from "./reservations/reservations.ts";
import { type Registrant, type ReservationState, sameRegistrant } from "./reservations/state.ts";
import type { Aborted, Execution } from "./transport.ts";

/** One change: the parts that are there replace the unit's, whole. */
export interface UnitChange {
  /** Who asked for it; absent where somebody at another device server did. */
  readonly by?: ItlNexus;
  /** The command that asked: it is not ended by what it does. */
  readonly command?: Command;
  readonly reservations?: ReservationState;
  /** Whose the unit is by RESERVE; null: nobody's. */
  readonly reserver?: Reserver | null;
  readonly mode?: ModeParameters;
  readonly access?: readonly AccessRow[];
  readonly notices?: readonly UnitNotice[];
  readonly ends?: Ending;
}

/** A unit attention, for one nexus, for all, or for all but the one who asked. */
export interface UnitNotice {
  readonly to: Registrant | "all" | "others";
  readonly attention: Attention;
}

/** Whose commands end with the change: of everybody (LOGICAL UNIT RESET, CLEAR TASK SET), or of these (PREEMPT AND ABORT). */
export type Ending = "reset" | "clear" | readonly Registrant[];

/** `stale`: the unit has changed meanwhile, and is up to date now. `gone`: there is no such unit any more. */
export type Replacement = "done" | "stale" | "gone";

/** Keeps what a unit is, for all device servers that present it. */
export interface UnitKeeper {
  /** What it keeps outlives a loss of power: APTPL may be promised (SPC-4 5.13.5). */
  readonly persistent: boolean;
  /** Replaces what the change was made from. Done when every device server, this one too, has carried it out. */
  replace(change: UnitChange): Promise<Replacement>;
}

export class UnitChanges {
  readonly #unit: LogicalUnit;
  readonly #keeper: UnitKeeper | undefined;
  /** Changes are made one after another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(unit: LogicalUnit, keeper: UnitKeeper | undefined) {
    this.#unit = unit;
    this.#keeper = keeper;
  }

  /**
   * Makes the change that `plan` finds right for the unit as it is by then; undefined: none. Asked
   * again where somebody else was first. False where the unit is gone.
   */
  make(plan: () => UnitChange | undefined): Promise<boolean> {
    const result = this.#last.then(() => this.#make(plan));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #make(plan: () => UnitChange | undefined): Promise<boolean> {
    for (;;) {
      const change = plan();
      if (change === undefined) return true;
      const outcome = await (this.#keeper?.replace(change) ?? this.#replaceHere(change));
      if (outcome !== "stale") return outcome === "done";
    }
  }

  async #replaceHere(change: UnitChange): Promise<Replacement> {
    const { reservations } = change;
    if (reservations && (await this.#unit.reservations?.keep(reservations)) === false) return "stale";
    await carryOut(this.#unit, change);
    return "done";
  }
}

/**
 * What a device server does about a change: the unit is so at once, its hosts are told, and commands
 * that may no longer run are ended. Resolved when these hold nothing any more; one that had its
 * I/O done before it could be stopped ends as it would have.
 */
export async function carryOut(unit: LogicalUnit, change: UnitChange): Promise<void> {
  const { by, reservations, reserver, mode, access, notices = [], ends } = change;
  const aborted = unit.mode.taskAbortedStatus ? WITH_STATUS : SILENTLY;
  if (reservations) unit.reservations?.adopt(reservations);
  if (reserver !== undefined) unit.reservations?.take(reserver ?? undefined);
  if (mode) Object.assign(unit.mode, mode);
  if (access) unit.accessStates.replace(access);
  if (ends === "reset") unit.resetNexuses();
  for (const { to, attention } of notices) {
    if (typeof to === "string") unit.tell(attention, to === "others" ? by?.nexus : undefined);
    else unit.tellRegistrant(to, attention);
  }
  const conflicts = reservations !== undefined || (reserver ?? undefined) !== undefined;
  if (ends === undefined && !conflicts) return;
  await unit.tasks.abortAll((command) => {
    if (command === change.command) return undefined;
    if (ends !== undefined && isEnded(command, ends)) return endOf(command, ends, by, aborted);
    return conflicts && command.conflict ? RESERVATION_CONFLICT : undefined;
  });
}

const SILENTLY: Aborted = Object.freeze({ kind: "aborted", reportStatus: false });
const WITH_STATUS: Aborted = Object.freeze({ kind: "aborted", reportStatus: true });

function isEnded({ itl }: Command, ends: Ending): boolean {
  return typeof ends === "string" || ends.some((registrant) => sameRegistrant(registrant, itl.registrant));
}

/** SAM-5 5.6: with TAS the other nexuses get TASK ABORTED for each command; without it CLEAR TASK SET tells them once. */
function endOf({ itl }: Command, ends: Ending, by: ItlNexus | undefined, aborted: Aborted): Aborted {
  if (itl === by) return SILENTLY;
  if (ends === "clear" && !aborted.reportStatus) {
    itl.attentions.establish(Attention.COMMANDS_CLEARED_BY_ANOTHER_INITIATOR);
  }
  return aborted;
}

/** Makes a change for a command; undefined where it is made. A command that is aborted meanwhile ends at once, and what was asked for may still come. */
export async function changeFor(command: Command, plan: () => UnitChange | undefined): Promise<Execution | undefined> {
  const { unit, task, server } = command;
  const work = unit.changes.make(() => (command.abortedAs ? undefined : plan()));
  const aborted = new Promise<"aborted">((resolve) => {
    task.onCancel = () => resolve("aborted");
  });
  const outcome = await Promise.race([work, aborted]);
  task.onCancel = undefined;
  if (outcome === "aborted") unit.inBackground(work, server.logger);
  if (command.abortedAs) return command.abortedAs;
  return outcome === true ? undefined : command.fail(Condition.LOGICAL_UNIT_NOT_SUPPORTED);
}
