/** Who may use a logical unit: its persistent reservation (SPC-4 5.13), and the older one of RESERVE (SPC-2 5.5). */
import type { ItlNexus } from "../itl-nexus.ts";
import type { Change, Refusal } from "./change.ts";
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

export class Reservations {
  readonly #store: ReservationStore;
  #state: ReservationState = NO_RESERVATIONS;
  /** Who has the unit by RESERVE; gone with its nexus (SPC-2 5.5.1). */
  #reserver: ItlNexus | undefined = undefined;
  /** Changes are made one after another. */
  #last: Promise<unknown> = Promise.resolve();
  /** There is something to be in conflict with: all that commands look at while there is nothing. */
  inForce = false;

  private constructor(store: ReservationStore, state: ReservationState) {
    this.#store = store;
    this.#adopt(state);
  }

  static async open(store: ReservationStore): Promise<Reservations> {
    return new Reservations(store, await store.load());
  }

  static inMemory(): Reservations {
    const store = new MemoryReservationStore();
    return new Reservations(store, store.load());
  }

  get state(): ReservationState {
    return this.#state;
  }

  /** APTPL may be asked for. */
  get persistent(): boolean {
    return this.#store.persistent;
  }

  get reserver(): ItlNexus | undefined {
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

  /** Makes a change, from whatever the state is by then. What it says of others is for the caller to carry out. */
  async change(make: (state: ReservationState) => Change | Refusal): Promise<Change | Refusal> {
    const result = this.#last.then(() => this.#change(make));
    this.#last = result.catch(() => undefined);
    return await result;
  }

  reserveUnit(itl: ItlNexus): void {
    this.#reserver = itl;
    this.inForce = true;
  }

  /** Ends the reservation of RESERVE: whosever it is, or only where it is that of `itl`. */
  releaseUnit(itl: ItlNexus | undefined = this.#reserver): void {
    if (this.#reserver !== itl) return;
    this.#reserver = undefined;
    this.#adopt(this.#state);
  }

  async #change(make: (state: ReservationState) => Change | Refusal): Promise<Change | Refusal> {
    for (;;) {
      const current = await this.#store.load();
      const change = make(current);
      if (typeof change === "string") return change;
      if (change.state !== current && !(await this.#store.replace(current.revision, change.state))) continue;
      this.#adopt(change.state);
      return change;
    }
  }

  #adopt(state: ReservationState): void {
    this.#state = state;
    this.inForce = state.reservation !== undefined || this.#reserver !== undefined;
  }
}
