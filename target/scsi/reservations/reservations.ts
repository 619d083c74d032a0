/** Who may use a logical unit: its persistent reservation (SPC-4 5.13), and the older one of RESERVE (SPC-2 5.5). */
import type { ItlNexus } from "../itl-nexus.ts";
import { holds, NO_RESERVATIONS, type ReservationState, registrationOf, rulesOf } from "./state.ts";
import { MemoryReservationStore, type ReservationStore } from "./store.ts";

/**
 * When a command of somebody else conflicts (SPC-4 table 65, SBC-4 table 13, SPC-2 table 9):
 *
 * - `never`: no reservation stops it.
 * - `reserve`: that of RESERVE alone does.
 * - `exclusive-access`: also a persistent one that keeps others from reading.
 * - `any`: every one does.
 */
export type Conflicts = "never" | "reserve" | "exclusive-access" | "any";

/** Who has the unit by RESERVE: a nexus, or one of another device server. */
export type Reserver = ItlNexus | "elsewhere";

export class Reservations {
  readonly #store: ReservationStore | undefined;
  /** APTPL may be asked for. */
  readonly persistent: boolean;
  #state: ReservationState;
  /** Gone with its nexus (SPC-2 5.5.1). */
  #reserver: Reserver | undefined = undefined;
  /** There is something to be in conflict with: all that commands look at while there is nothing. */
  inForce = false;

  private constructor(store: ReservationStore | undefined, persistent: boolean, state: ReservationState) {
    this.#store = store;
    this.persistent = persistent;
    this.#state = state;
    this.#judge();
  }

  static async open(store: ReservationStore): Promise<Reservations> {
    return new Reservations(store, store.persistent, await store.load());
  }

  static inMemory(): Reservations {
    const store = new MemoryReservationStore();
    return new Reservations(store, store.persistent, store.load());
  }

  /** Of a unit with a keeper, who tells by `adopt` and `take` what they are. */
  static kept(persistent: boolean): Reservations {
    return new Reservations(undefined, persistent, NO_RESERVATIONS);
  }

  get state(): ReservationState {
    return this.#state;
  }

  get reserver(): Reserver | undefined {
    return this.#reserver;
  }

  conflict(itl: ItlNexus, conflicts: Conflicts): boolean {
    if (conflicts === "never") return false;
    if (this.#reserver !== undefined) return this.#reserver !== itl;
    const { reservation } = this.#state;
    if (reservation === undefined || conflicts === "reserve") return false;
    const { exclusiveAccess, registrants } = rulesOf(reservation.type);
    if (conflicts === "exclusive-access" && !exclusiveAccess) return false;
    const { registrant } = itl;
    return registrants ? !registrationOf(this.#state, registrant) : !holds(this.#state, registrant);
  }

  /** Puts `next` into the store, in the place of the current state; false where the store has another by now, which is adopted. */
  async keep(next: ReservationState): Promise<boolean> {
    if (this.#store === undefined || (await this.#store.replace(this.#state.revision, next))) return true;
    this.adopt(await this.#store.load());
    return false;
  }

  adopt(state: ReservationState): void {
    this.#state = state;
    this.#judge();
  }

  /** Whose the unit is by RESERVE from now on. */
  take(reserver: Reserver | undefined): void {
    this.#reserver = reserver;
    this.#judge();
  }

  #judge(): void {
    this.inForce = this.#state.reservation !== undefined || this.#reserver !== undefined;
  }
}
