/** Whatever hosts ask for, in whatever order, the state stays one that can be. */
import test from "ava";
import fc from "fast-check";
import { Attention } from "node-iscsi-target/scsi/attention.ts";
import * as changes from "node-iscsi-target/scsi/reservations/change.ts";
import {
  holds,
  isReservationType,
  NO_RESERVATIONS,
  type ReservationState,
  registrationOf,
  rulesOf,
  sameRegistrant,
} from "node-iscsi-target/scsi/reservations/state.ts";

const REGISTRANTS = ["a", "b", "c"].map((name) => ({ initiatorPort: `iqn.x:${name},i,0x1`, relativePortId: 1 }));

const registrant = fc.constantFrom(...REGISTRANTS);
const key = fc.constantFrom(0n, 1n, 2n, 3n);
const type = fc.constantFrom(0, 1, 3, 5, 6, 7, 8);

interface Step {
  readonly by: (typeof REGISTRANTS)[number];
  readonly make: (state: ReservationState) => changes.Change | changes.Refusal;
}

const step: fc.Arbitrary<Step> = fc
  .record({
    by: registrant,
    to: registrant,
    key,
    newKey: key,
    type,
    flag: fc.boolean(),
    action: fc.constantFrom("register", "reserve", "release", "clear", "preempt", "move"),
  })
  .map(({ by, to, type: kind, flag, action, ...keys }) => {
    const request = { from: by, ...keys };
    const register = { ...request, ignoreKey: flag, persistent: flag, ports: [by], others: [] };
    const move = { ...request, to, unregister: flag, persistent: flag };
    const makers: Record<typeof action, Step["make"]> = {
      register: (state) => changes.register(state, register),
      reserve: (state) => changes.reserve(state, request, kind),
      release: (state) => changes.release(state, request, kind),
      clear: (state) => changes.clear(state, request),
      preempt: (state) => changes.preempt(state, request, kind),
      move: (state) => (sameRegistrant(by, to) ? "conflict" : changes.move(state, move)),
    };
    return { by, make: makers[action] as Step["make"] };
  });

test("after any sequence of requests the holder is registered, keys are not 0, and nobody is registered twice", (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let state = NO_RESERVATIONS;
      for (const { by, make } of steps) {
        const change = make(state);
        if (typeof change === "string") continue;
        checkState(change.state);
        checkNotices(change, state, by);
        state = change.state;
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

function checkState({ registrations, reservation }: ReservationState): void {
  const names = registrations.map(({ initiatorPort }) => initiatorPort);
  if (new Set(names).size !== names.length) throw new Error("a registrant is there twice");
  if (registrations.some((registration) => registration.key === 0n)) throw new Error("a key is 0");
  if (reservation === undefined) return;
  if (!isReservationType(reservation.type)) throw new Error("the type does not exist");
  const holders = registrations.filter((registration) =>
    holds({ ...NO_RESERVATIONS, registrations, reservation }, registration),
  );
  const expected = rulesOf(reservation.type).allHold ? registrations.length : 1;
  if (holders.length === 0 || holders.length !== expected) throw new Error("the reservation has the wrong holders");
}

/** Nobody loses a registration or the reservation without being told, but by what it asked for itself. */
function checkNotices({ state, notices }: changes.Change, before: ReservationState, by: Step["by"]): void {
  if (state.generation < before.generation) throw new Error("PRGENERATION went back");
  if (notices.some(({ to }) => sameRegistrant(to, by))) throw new Error("the one who asked was told");
  for (const registration of before.registrations) {
    if (sameRegistrant(registration, by) || registrationOf(state, registration)) continue;
    const told = notices.find(({ to }) => sameRegistrant(to, registration))?.attention;
    const reasons = [Attention.RESERVATIONS_PREEMPTED, Attention.REGISTRATIONS_PREEMPTED];
    if (!reasons.some((reason) => reason === told)) throw new Error(`${registration.initiatorPort} was not told`);
  }
}
