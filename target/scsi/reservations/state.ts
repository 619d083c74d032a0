/**
 * The persistent reservation of one logical unit and the registrations that go with it (SPC-4
 * 5.13), as a value: whoever keeps it replaces the whole.
 */

/** TYPE (SPC-4 6.15.3.4, table 215). */
export const ReservationType = {
  WRITE_EXCLUSIVE: 1,
  EXCLUSIVE_ACCESS: 3,
  WRITE_EXCLUSIVE_REGISTRANTS_ONLY: 5,
  EXCLUSIVE_ACCESS_REGISTRANTS_ONLY: 6,
  WRITE_EXCLUSIVE_ALL_REGISTRANTS: 7,
  EXCLUSIVE_ACCESS_ALL_REGISTRANTS: 8,
} as const;
export type ReservationType = (typeof ReservationType)[keyof typeof ReservationType];

interface TypeRules {
  /** Keeps others from reading as well. */
  readonly exclusiveAccess: boolean;
  /** Every registrant may do what the holder may. */
  readonly registrants: boolean;
  /** Every registrant is a holder. */
  readonly allHold: boolean;
}

const RULES: Readonly<Record<ReservationType, TypeRules>> = {
  1: { exclusiveAccess: false, registrants: false, allHold: false },
  3: { exclusiveAccess: true, registrants: false, allHold: false },
  5: { exclusiveAccess: false, registrants: true, allHold: false },
  6: { exclusiveAccess: true, registrants: true, allHold: false },
  7: { exclusiveAccess: false, registrants: true, allHold: true },
  8: { exclusiveAccess: true, registrants: true, allHold: true },
};

export function rulesOf(type: ReservationType): TypeRules {
  return RULES[type];
}

export function isReservationType(type: number): type is ReservationType {
  return type in RULES;
}

/** An I_T nexus by names that outlive it: a host that logs in again is the same registrant. */
export interface Registrant {
  /** SCSI initiator port name; see `Nexus`. */
  readonly initiatorPort: string;
  readonly relativePortId: number;
}

export interface Registration extends Registrant {
  /** Never 0. */
  readonly key: bigint;
}

export interface Reservation {
  readonly type: ReservationType;
  /** Of the types that all registrants hold, who made it. */
  readonly holder: Registrant;
}

export interface ReservationState {
  /** Counts every replacement, for the one who keeps it. */
  readonly revision: number;
  /** PRGENERATION: counts what changes registrations (SPC-4 6.15.2), modulo 2^32. */
  readonly generation: number;
  /** APTPL of the latest registration: the state outlives a loss of power (SPC-4 5.13.5). */
  readonly persistent: boolean;
  readonly registrations: readonly Registration[];
  readonly reservation: Reservation | undefined;
}

export const NO_RESERVATIONS: ReservationState = Object.freeze({
  revision: 0,
  generation: 0,
  persistent: false,
  registrations: [],
  reservation: undefined,
});

export function sameRegistrant(a: Registrant, b: Registrant): boolean {
  return a.initiatorPort === b.initiatorPort && a.relativePortId === b.relativePortId;
}

export function registrationOf(state: ReservationState, registrant: Registrant): Registration | undefined {
  return state.registrations.find((registration) => sameRegistrant(registration, registrant));
}

/** Whether the registrant holds the reservation; with the types for all registrants, each of them does. */
export function holds(state: ReservationState, registrant: Registrant): boolean {
  const { reservation } = state;
  if (reservation === undefined || !registrationOf(state, registrant)) return false;
  return rulesOf(reservation.type).allHold || sameRegistrant(reservation.holder, registrant);
}
