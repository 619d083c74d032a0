/**
 * Unit attention conditions of one I_T_L nexus (SAM-5 5.14): what a host must be told before its
 * next command is carried out.
 */
import { type Condition, SenseKey } from "./condition.ts";

export interface Attention extends Condition {
  /** Lower numbers are reported first (SAM-5 5.14, precedence of reset events over all others). */
  readonly precedence: number;
}

export const Attention = {
  /** A nexus meets the unit for the first time. */
  POWER_ON: attention(0x29, 0x00, 0),
  BUS_DEVICE_RESET: attention(0x29, 0x03, 1),
  MEDIUM_MAY_HAVE_CHANGED: attention(0x28, 0x00, 2),
  MODE_PARAMETERS_CHANGED: attention(0x2a, 0x01, 2),
  ACCESS_STATE_CHANGED: attention(0x2a, 0x06, 2),
  CAPACITY_DATA_HAS_CHANGED: attention(0x2a, 0x09, 2),
  RESERVATIONS_PREEMPTED: attention(0x2a, 0x03, 2),
  RESERVATIONS_RELEASED: attention(0x2a, 0x04, 2),
  REGISTRATIONS_PREEMPTED: attention(0x2a, 0x05, 2),
  COMMANDS_CLEARED_BY_ANOTHER_INITIATOR: attention(0x2f, 0x00, 2),
  REPORTED_LUNS_DATA_HAS_CHANGED: attention(0x3f, 0x0e, 2),
} as const;

/** A queue by precedence, then by age. The same condition never waits twice, so its length is bounded by the table above. */
export class AttentionQueue {
  #waiting: Attention[] = [];

  get pending(): boolean {
    return this.#waiting.length > 0;
  }

  establish(attention: Attention): void {
    if (this.#waiting.includes(attention)) return;
    const later = this.#waiting.findIndex((other) => other.precedence > attention.precedence);
    if (later === -1) this.#waiting.push(attention);
    else this.#waiting.splice(later, 0, attention);
  }

  /** The condition to report now; reporting clears it (UA_INTLCK_CTRL = 00b, SPC-4 7.5.8). */
  take(): Attention | undefined {
    return this.#waiting.shift();
  }

  clear(attention: Attention): void {
    this.#waiting = this.#waiting.filter((other) => other !== attention);
  }
}

function attention(asc: number, ascq: number, precedence: number): Attention {
  return Object.freeze({ senseKey: SenseKey.UNIT_ATTENTION, asc, ascq, precedence });
}
