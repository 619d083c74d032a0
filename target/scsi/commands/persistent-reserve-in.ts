/** PERSISTENT RESERVE IN (SPC-4 6.15): what is registered, and who has the unit. */
import { ReadFullStatus, ReadKeys, ReadReservation, ReportCapabilities } from "../cdb.ts";
import { type Command, goodWith } from "../command.ts";
import {
  CapabilitiesData,
  FullStatusDescriptor,
  ReservationData,
  ReservationsHeader,
} from "../reservations/layouts.ts";
import { holds, type Registration, type ReservationState, registrationOf, rulesOf } from "../reservations/state.ts";
import { encodeTransportId } from "../reservations/transport-id.ts";
import type { CommandDefinition } from "./definition.ts";
import { reservable, reservationsOf } from "./reserve-release.ts";

/** PERSISTENT RESERVATION TYPE MASK (SPC-4 6.15.4.3): all six. */
const ALL_TYPES = 0xea01;
/** ALLOW COMMANDS 001b (SPC-4 table 217): TEST UNIT READY is allowed beside any reservation. */
const TEST_UNIT_READY_ALLOWED = 1;
const KEY_BYTES = 8;

export const persistentReserveInCommands: readonly CommandDefinition[] = [
  reserveIn(ReadKeys, readKeys),
  reserveIn(ReadReservation, readReservation),
  reserveIn(ReportCapabilities, reportCapabilities),
  reserveIn(ReadFullStatus, readFullStatus),
];

function reserveIn(
  layout: typeof ReadKeys,
  data: (command: Command, state: ReservationState) => Buffer,
): CommandDefinition {
  return {
    cdb: layout,
    access: "none",
    conflicts: "reserve",
    supported: reservable,
    execute: (command) =>
      goodWith(data(command, reservationsOf(command).state), layout.allocationBytes.get(command.cdb, 0)),
  };
}

function readKeys(_command: Command, state: ReservationState): Buffer {
  const keys = Buffer.alloc(state.registrations.length * KEY_BYTES);
  state.registrations.forEach(({ key }, index) => void keys.writeBigUInt64BE(key, index * KEY_BYTES));
  return withHeader(state, keys);
}

function readReservation(_command: Command, state: ReservationState): Buffer {
  const { reservation } = state;
  if (reservation === undefined) return withHeader(state, Buffer.alloc(0));
  // Where all registrants hold it, there is no key to tell (SPC-4 6.15.3.3).
  const key = rulesOf(reservation.type).allHold ? 0n : (registrationOf(state, reservation.holder)?.key ?? 0n);
  return withHeader(state, ReservationData.encode({ key, type: reservation.type }));
}

function reportCapabilities(command: Command, state: ReservationState): Buffer {
  return CapabilitiesData.encode({
    lengthBytes: CapabilitiesData.sizeBytes,
    compatibleHandling: 1,
    specifyPorts: 1,
    allTargetPorts: 1,
    persistCapable: reservationsOf(command).persistent ? 1 : 0,
    typeMaskValid: 1,
    allowCommands: TEST_UNIT_READY_ALLOWED,
    persistActive: state.persistent ? 1 : 0,
    typeMask: ALL_TYPES,
  });
}

function readFullStatus({ task }: Command, state: ReservationState): Buffer {
  const { protocolIdentifier } = task.nexus.targetPort;
  const descriptors = state.registrations.map((registration) => fullStatus(state, registration, protocolIdentifier));
  return withHeader(state, Buffer.concat(descriptors));
}

function fullStatus(state: ReservationState, registration: Registration, protocolIdentifier?: number): Buffer {
  const { key, initiatorPort, relativePortId } = registration;
  const holder = holds(state, registration);
  const transportId = encodeTransportId(initiatorPort, protocolIdentifier);
  const descriptor = FullStatusDescriptor.encode({
    key,
    holder: holder ? 1 : 0,
    type: holder && state.reservation ? state.reservation.type : 0,
    relativePortId,
    additionalBytes: transportId.length,
  });
  return Buffer.concat([descriptor, transportId]);
}

function withHeader({ generation }: ReservationState, body: Buffer): Buffer {
  return Buffer.concat([ReservationsHeader.encode({ generation, additionalBytes: body.length }), body]);
}
