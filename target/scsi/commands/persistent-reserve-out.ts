/** PERSISTENT RESERVE OUT (SPC-4 6.16): the parameter list becomes a change of the unit's state, and the others are told. */
import {
  Clear,
  Preempt,
  PreemptAndAbort,
  Register,
  RegisterAndIgnore,
  RegisterAndMove,
  Release,
  Reserve,
  type ReserveOutCdb,
  type TypedReserveOutCdb,
} from "../cdb.ts";
import { type Command, RESERVATION_CONFLICT } from "../command.ts";
import { Condition } from "../condition.ts";
import { locationOf } from "../fields.ts";
import { MAX_PARAMETER_LIST_BYTES } from "../limits.ts";
import { type Change, clear, preempt, type Refusal, type Request, release, reserve } from "../reservations/change.ts";
import { ReserveOutList } from "../reservations/layouts.ts";
import type { Registrant, ReservationState } from "../reservations/state.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { changeFor } from "../unit-change.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";
import { type MakeChange, parseMove, parseRegister } from "./register-list.ts";
import { reservable, reservationsOf } from "./reserve-release.ts";

type Parse = (command: Command, list: Buffer) => MakeChange | ScsiResult;

export const persistentReserveOutCommands: readonly CommandDefinition[] = [
  reserveOut(Register, (command, list) => parseRegister(command, list, false)),
  typedReserveOut(Reserve, reserve),
  typedReserveOut(Release, release),
  reserveOut(Clear, (command, list) => parseBasic(command, list, clear)),
  typedReserveOut(Preempt, preempt),
  typedReserveOut(PreemptAndAbort, preempt),
  reserveOut(RegisterAndIgnore, (command, list) => parseRegister(command, list, true)),
  reserveOut(RegisterAndMove, parseMove),
];

function reserveOut(layout: ReserveOutCdb, parse: Parse): CommandDefinition {
  return {
    cdb: layout,
    access: "none",
    // Persistent reservations are judged by the change itself.
    conflicts: "reserve",
    supported: reservable,
    admit: (command) => admitList(command, layout),
    execute: (command, dataOut) => execute(command, dataOut, parse),
  };
}

function typedReserveOut(
  layout: TypedReserveOutCdb,
  make: (state: ReservationState, request: Request, type: number) => Change | Refusal,
): CommandDefinition {
  const parse: Parse = (command, list) => {
    const type = layout.type.get(command.cdb, 0);
    return parseBasic(command, list, (state, request) => make(state, request, type));
  };
  return {
    ...reserveOut(layout, parse),
    // LU_SCOPE is the only scope there is (SPC-4 6.15.3.3).
    admit: (command) =>
      layout.scope.get(command.cdb, 0) === 0 ? admitList(command, layout) : command.invalidField(layout.scope),
  };
}

function admitList(command: Command, { listBytes }: ReserveOutCdb): ScsiResult | undefined {
  // Not even the one who has the unit by RESERVE may mix the two kinds (SPC-2 5.5.1).
  if (reservationsOf(command).reserver !== undefined) return RESERVATION_CONFLICT;
  const bytes = listBytes.get(command.cdb, 0);
  if (bytes < ReserveOutList.sizeBytes || bytes > MAX_PARAMETER_LIST_BYTES) {
    return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  }
  command.dataOutBytes = bytes;
  return undefined;
}

/** The basic parameter list, without SPEC_I_PT, which only REGISTER has. */
function parseBasic(
  command: Command,
  list: Buffer,
  make: (state: ReservationState, request: Request) => Change | Refusal,
): MakeChange | ScsiResult {
  const { key, newKey, specifyPorts } = ReserveOutList.decode(list);
  if (specifyPorts !== 0) return command.invalidParameter(locationOf(ReserveOutList.specifyPorts).byte);
  if (list.length !== ReserveOutList.sizeBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const request = { from: command.itl.registrant, key, newKey };
  return (state) => make(state, request);
}

async function execute(command: Command, dataOut: readonly Uint8Array[], parse: Parse): Promise<Execution> {
  const list = gather(dataOut, command.dataOutBytes);
  if (list.length < command.dataOutBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const make = parse(command, list);
  if (typeof make !== "function") return make;
  let refusal: Refusal | undefined;
  let out: readonly Registrant[] = [];
  const failure = await changeFor(command, () => {
    const { state } = reservationsOf(command);
    const change = make(state);
    refusal = typeof change === "string" ? change : undefined;
    if (typeof change === "string" || change.state === state) return undefined;
    out = putOut(command, state, change);
    const ends = command.definition.cdb === PreemptAndAbort ? { ends: change.preempted } : {};
    return { by: command.itl, command, reservations: change.state, notices: change.notices, ...ends };
  });
  if (failure === undefined && refusal === undefined) command.unit.allowRemoval(out);
  return failure ?? (refusal === undefined ? command.taken() : refused(command, refusal));
}

/** Who loses a registration so that it can hold up nobody any more, the removal of the medium neither (SBC-4 5.15). */
function putOut({ definition }: Command, { registrations }: ReservationState, change: Change): readonly Registrant[] {
  if (definition.cdb === Clear) return registrations;
  return definition.cdb === PreemptAndAbort ? change.preempted : [];
}

function refused(command: Command, refusal: Refusal): ScsiResult {
  switch (refusal) {
    case "conflict":
      return RESERVATION_CONFLICT;
    case "service-action-key":
      return command.invalidParameter(locationOf(ReserveOutList.newKey).byte);
    case "specify-ports":
      return command.invalidParameter(locationOf(ReserveOutList.specifyPorts).byte);
    case "type":
      return command.invalidField(Reserve.type);
    case "release":
      return command.fail(Condition.INVALID_RELEASE_OF_PERSISTENT_RESERVATION);
    case "too-many":
      return command.fail(Condition.INSUFFICIENT_REGISTRATION_RESOURCES);
  }
}
