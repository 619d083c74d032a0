/** Where the reservations of a logical unit are kept. */
import { NO_RESERVATIONS, type ReservationState } from "./state.ts";

/**
 * Keeps one state. Each change names the revision that it was made from, and is made again where
 * another came first.
 */
export interface ReservationStore {
  /** What it keeps outlives a loss of power: APTPL may be promised (SPC-4 5.13.5). */
  readonly persistent: boolean;
  load(): ReservationState | Promise<ReservationState>;
  /** Puts `next` in the place of revision `expected`, whole or not at all; false where that is no longer the current one. */
  replace(expected: number, next: ReservationState): boolean | Promise<boolean>;
}

/** Gone with the process. */
export class MemoryReservationStore implements ReservationStore {
  readonly persistent = false;
  #state = NO_RESERVATIONS;

  load(): ReservationState {
    return this.#state;
  }

  replace(expected: number, next: ReservationState): boolean {
    if (this.#state.revision !== expected) return false;
    this.#state = next;
    return true;
  }
}
