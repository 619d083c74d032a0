/** What PERSISTENT RESERVE OUT does to the state of a unit (SPC-4 5.13, 6.16): from one value to the next, without effects. */
import { Attention } from "../attention.ts";
import { MAX_REGISTRATIONS } from "../limits.ts";
import {
  holds,
  isReservationType,
  type Registrant,
  type Registration,
  type Reservation,
  type ReservationState,
  registrationOf,
  rulesOf,
  sameRegistrant,
} from "./state.ts";

export interface Change {
  readonly state: ReservationState;
  /** Unit attentions for others than the one who asked. */
  readonly notices: readonly Notice[];
  /** Whose registration was taken by PREEMPT: PREEMPT AND ABORT ends their commands. */
  readonly preempted: readonly Registrant[];
}

export interface Notice {
  readonly to: Registrant;
  readonly attention: Attention;
}

/**
 * Why nothing changes: `conflict` is RESERVATION CONFLICT; the others are errors in the
 * parameter list or CDB: `service-action-key`, `specify-ports` and `type` at that field, `release` and `too-many` by
 * sense codes of their own.
 */
export type Refusal = "conflict" | "service-action-key" | "specify-ports" | "type" | "release" | "too-many";

/** One request, of a nexus that has been told apart from others by `from`. */
export interface Request {
  readonly from: Registrant;
  /** RESERVATION KEY. */
  readonly key: bigint;
  /** SERVICE ACTION RESERVATION KEY. */
  readonly newKey: bigint;
}

export interface RegisterRequest extends Request {
  /** REGISTER AND IGNORE EXISTING KEY. */
  readonly ignoreKey: boolean;
  readonly persistent: boolean;
  /** ALL_TG_PT: the nexuses of the same initiator port with every target port, `from` among them. */
  readonly ports: readonly Registrant[];
  /** SPEC_I_PT: others that get the same key, where they have none. */
  readonly others: readonly Registrant[];
}

/** SPC-4 5.13.7, tables 60 and 61. */
export function register(state: ReservationState, request: RegisterRequest): Change | Refusal {
  const { from, key, newKey, ignoreKey, persistent, ports, others } = request;
  const registered = registrationOf(state, from);
  if (!ignoreKey && key !== (registered?.key ?? 0n)) return "conflict";
  if (registered && others.length > 0) return "specify-ports";
  if (newKey === 0n) return registered ? unregister(state, ports, persistent) : unchanged(state);
  const kept = state.registrations.filter((registration) => !includes(ports, registration));
  const fresh = others.filter((other) => !includes(ports, other) && !includes(kept, other));
  const registrations = [...kept, ...[...ports, ...fresh].map((port) => ({ ...named(port), key: newKey }))];
  if (registrations.length > MAX_REGISTRATIONS) return "too-many";
  return changed(state, { registrations, persistent, ...generationAfter(state) });
}

/** SPC-4 5.13.11.3: the reservation goes with its holder, or with the last registrant. */
function unregister(state: ReservationState, leaving: readonly Registrant[], persistent: boolean): Change {
  const registrations = state.registrations.filter((registration) => !includes(leaving, registration));
  const reservation = reservationAmong(state.reservation, registrations);
  const released = state.reservation !== undefined && reservation === undefined;
  const notices = released ? releaseNotices(state.reservation, registrations) : [];
  return changed(state, { registrations, reservation, persistent, ...generationAfter(state) }, notices);
}

/** SPC-4 5.13.9. */
export function reserve(state: ReservationState, request: Request, type: number): Change | Refusal {
  if (!authorized(state, request)) return "conflict";
  if (!isReservationType(type)) return "type";
  const { reservation } = state;
  if (reservation === undefined) return changed(state, { reservation: { type, holder: named(request.from) } });
  return holds(state, request.from) && reservation.type === type ? unchanged(state) : "conflict";
}

/** SPC-4 5.13.11.2. */
export function release(state: ReservationState, request: Request, type: number): Change | Refusal {
  if (!authorized(state, request)) return "conflict";
  const { reservation } = state;
  if (reservation === undefined || !holds(state, request.from)) return unchanged(state);
  if (reservation.type !== type) return "release";
  const others = state.registrations.filter((registration) => !sameRegistrant(registration, request.from));
  return changed(state, { reservation: undefined }, releaseNotices(reservation, others));
}

/** SPC-4 5.13.11.6. */
export function clear(state: ReservationState, request: Request): Change | Refusal {
  if (!authorized(state, request)) return "conflict";
  const others = state.registrations.filter((registration) => !sameRegistrant(registration, request.from));
  const emptied = { registrations: [], reservation: undefined, ...generationAfter(state) };
  return changed(state, emptied, noticesTo(others, Attention.RESERVATIONS_PREEMPTED));
}

/** SPC-4 5.13.11.4: the key names whose registrations go, and with the holder's key the reservation changes hands. */
export function preempt(state: ReservationState, request: Request, type: number): Change | Refusal {
  if (!authorized(state, request)) return "conflict";
  const { from, newKey } = request;
  const { reservation } = state;
  const allHold = reservation !== undefined && rulesOf(reservation.type).allHold;
  const holderKey = reservation && (allHold ? 0n : registrationOf(state, reservation.holder)?.key);
  const takes = reservation !== undefined && newKey === holderKey;
  if (newKey === 0n && !takes) return "service-action-key";
  // Where nothing is taken, SCOPE and TYPE say nothing.
  if (takes && !isReservationType(type)) return "type";
  const matches = (registration: Registration) => (takes && allHold) || registration.key === newKey;
  // Who takes the reservation stays registered, also where it names its own key.
  const leaving = state.registrations.filter((r) => matches(r) && !(takes && sameRegistrant(r, from)));
  if (!takes && leaving.length === 0) return "conflict";
  const registrations = state.registrations.filter((registration) => !includes(leaving, registration));
  const next =
    takes && isReservationType(type) ? { type, holder: named(from) } : reservationAmong(reservation, registrations);
  const removed = leaving.filter((registration) => !sameRegistrant(registration, from));
  const remaining = registrations.filter((registration) => !sameRegistrant(registration, from));
  const retyped = takes && reservation.type !== type;
  const notices = [
    ...noticesTo(removed, Attention.REGISTRATIONS_PREEMPTED),
    ...(retyped ? noticesTo(remaining, Attention.RESERVATIONS_RELEASED) : []),
  ];
  return {
    ...changed(state, { registrations, reservation: next, ...generationAfter(state) }, notices),
    preempted: leaving,
  };
}

export interface MoveRequest extends Request {
  readonly to: Registrant;
  readonly unregister: boolean;
  readonly persistent: boolean;
}

/** REGISTER AND MOVE (SPC-4 5.13.8): the reservation goes to another, who is registered by that. */
export function move(state: ReservationState, request: MoveRequest): Change | Refusal {
  const { from, to, newKey, persistent } = request;
  const { reservation } = state;
  if (!authorized(state, request) || reservation === undefined) return "conflict";
  if (!holds(state, from) || rulesOf(reservation.type).allHold) return "conflict";
  if (newKey === 0n) return "service-action-key";
  const kept = state.registrations.filter(
    (r) => !sameRegistrant(r, to) && !(request.unregister && sameRegistrant(r, from)),
  );
  const registrations = [...kept, { ...named(to), key: newKey }];
  const moved = { type: reservation.type, holder: named(to) };
  return changed(state, { registrations, reservation: moved, persistent, ...generationAfter(state) });
}

/** All but REGISTER want a registered nexus and its own key (SPC-4 5.13.1). */
function authorized(state: ReservationState, { from, key }: Request): boolean {
  return registrationOf(state, from)?.key === key;
}

/** What is left of the reservation when only these are still registered. */
function reservationAmong(
  reservation: Reservation | undefined,
  registrations: readonly Registration[],
): Reservation | undefined {
  if (reservation === undefined) return undefined;
  const lives = rulesOf(reservation.type).allHold
    ? registrations.length > 0
    : includes(registrations, reservation.holder);
  return lives ? reservation : undefined;
}

/** SPC-4 5.13.11.2.2: only those who could do something with the reservation are told that it is over. */
function releaseNotices(reservation: Reservation | undefined, others: readonly Registrant[]): Notice[] {
  const concerned = reservation !== undefined && rulesOf(reservation.type).registrants;
  return concerned ? noticesTo(others, Attention.RESERVATIONS_RELEASED) : [];
}

function noticesTo(registrants: readonly Registrant[], attention: Attention): Notice[] {
  return registrants.map((to) => ({ to, attention }));
}

function unchanged(state: ReservationState): Change {
  return { state, notices: [], preempted: [] };
}

function changed(
  state: ReservationState,
  fields: Partial<Omit<ReservationState, "revision">>,
  notices: readonly Notice[] = [],
): Change {
  return { state: { ...state, ...fields, revision: state.revision + 1 }, notices, preempted: [] };
}

function generationAfter({ generation }: ReservationState): { generation: number } {
  return { generation: (generation + 1) % 2 ** 32 };
}

function includes(registrants: readonly Registrant[], registrant: Registrant): boolean {
  return registrants.some((other) => sameRegistrant(other, registrant));
}

function named({ initiatorPort, relativePortId }: Registrant): Registrant {
  return { initiatorPort, relativePortId };
}
