/** The parameter lists that register: of REGISTER, REGISTER AND IGNORE EXISTING KEY and REGISTER AND MOVE (SPC-4 6.16.3, 6.16.4). */
import type { Field } from "../../wire/layout.ts";
import type { Command } from "../command.ts";
import { Condition } from "../condition.ts";
import { locationOf } from "../fields.ts";
import { type Change, move, type Refusal, register } from "../reservations/change.ts";
import { MoveList, ReserveOutList, TransportIdsHeader } from "../reservations/layouts.ts";
import { type Registrant, type ReservationState, sameRegistrant } from "../reservations/state.ts";
import { decodeTransportId, type TransportId } from "../reservations/transport-id.ts";
import type { ScsiResult } from "../transport.ts";
import { portsOf } from "./port-groups.ts";
import { reservationsOf } from "./reserve-release.ts";

export type MakeChange = (state: ReservationState) => Change | Refusal;

export function parseRegister(command: Command, list: Buffer, ignoreKey: boolean): MakeChange | ScsiResult {
  const { key, newKey, specifyPorts, allTargetPorts, persistent } = ReserveOutList.decode(list);
  if (persistent !== 0 && !reservationsOf(command).persistent) return wrong(command, ReserveOutList.persistent);
  // REGISTER AND IGNORE EXISTING KEY speaks for nobody else; nor does unregistering (SPC-4 table 60).
  if (specifyPorts !== 0 && ignoreKey) return wrong(command, ReserveOutList.specifyPorts);
  const from = command.itl.registrant;
  const relativePortIds = allTargetPorts === 0 ? [from.relativePortId] : allPortIds(command);
  const named = specifyPorts === 0 ? noneNamed(command, list) : namedPorts(command, list);
  if (!Array.isArray(named)) return named;
  const ports = relativePortIds.map((relativePortId) => ({ ...from, relativePortId }));
  const others = named.flatMap((port) => relativePortIds.map((relativePortId) => ({ ...port, relativePortId })));
  const registration = { from, key, newKey, ignoreKey, persistent: persistent !== 0, ports, others };
  return (state) => register(state, registration);
}

export function parseMove(command: Command, list: Buffer): MakeChange | ScsiResult {
  const { key, newKey, unregister, persistent, relativePortId, transportIdBytes } = MoveList.decode(list);
  const end = MoveList.sizeBytes + transportIdBytes;
  if (list.length !== end) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  if (persistent !== 0 && !reservationsOf(command).persistent) return wrong(command, MoveList.persistent);
  if (!allPortIds(command).includes(relativePortId)) return wrong(command, MoveList.relativePortId);
  const id = transportIdAt(command, list, MoveList.sizeBytes);
  const [first] = id ? registrantsNamed(command, id) : [];
  if (id === undefined || first === undefined || id.sizeBytes !== transportIdBytes) {
    return command.invalidParameter(MoveList.sizeBytes);
  }
  const from = command.itl.registrant;
  const to = { ...first, relativePortId };
  if (sameRegistrant(from, to)) return command.invalidParameter(MoveList.sizeBytes);
  const request = { from, key, newKey, to, unregister: unregister !== 0, persistent: persistent !== 0 };
  return (state) => move(state, request);
}

function noneNamed(command: Command, list: Buffer): Registrant[] | ScsiResult {
  return list.length === ReserveOutList.sizeBytes ? [] : command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
}

/** SPEC_I_PT: all of the TransportIDs are right, or nobody is registered (SPC-4 5.13.7.4). */
function namedPorts(command: Command, list: Buffer): Registrant[] | ScsiResult {
  let at = ReserveOutList.sizeBytes + TransportIdsHeader.sizeBytes;
  if (list.length < at || TransportIdsHeader.listBytes.get(list, ReserveOutList.sizeBytes) !== list.length - at) {
    return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  }
  const named: Registrant[] = [];
  while (at < list.length) {
    const id = transportIdAt(command, list, at);
    const registrants = id ? registrantsNamed(command, id) : [];
    if (id === undefined || registrants.length === 0) return command.invalidParameter(at);
    named.push(...registrants);
    at += id.sizeBytes;
  }
  return named;
}

function transportIdAt(command: Command, list: Buffer, at: number): TransportId | undefined {
  return decodeTransportId(list, at, command.task.nexus.targetPort.protocolIdentifier);
}

/** A TransportID without a port means every port of that device that is known here (SPC-4 7.6.4.6). */
function registrantsNamed({ unit, itl }: Command, { initiatorName, initiatorPort }: TransportId): Registrant[] {
  const { relativePortId } = itl.registrant;
  return initiatorPort === undefined ? unit.registrantsOf(initiatorName) : [{ initiatorPort, relativePortId }];
}

function allPortIds(command: Command): number[] {
  return portsOf(command).map(({ relativePortId }) => relativePortId);
}

function wrong(command: Command, field: Field): ScsiResult {
  return command.invalidParameter(locationOf(field).byte);
}
