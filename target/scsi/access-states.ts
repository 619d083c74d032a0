/** Asymmetric logical unit access (SPC-4 5.15): what each target port group can do for one unit. */

/** ASYMMETRIC ACCESS STATE (SPC-4 6.37, table 335), without the states in which ports cannot be reached at all. */
export const AccessState = {
  ACTIVE_OPTIMIZED: 0,
  ACTIVE_NON_OPTIMIZED: 1,
  STANDBY: 2,
  UNAVAILABLE: 3,
} as const;
export type AccessState = (typeof AccessState)[keyof typeof AccessState];

/** STATUS CODE (SPC-4 table 336): who made the latest change. */
const StatusCode = { NONE: 0, BY_COMMAND: 1 } as const;

export function isAccessState(state: number): state is AccessState {
  return state <= AccessState.UNAVAILABLE;
}

export class AccessStates {
  /** Of the groups that SET TARGET PORT GROUPS named; the others are active/optimized. */
  readonly #states = new Map<number, AccessState>();
  /** Some group cannot do everything: all that commands look at while each can. */
  inForce = false;

  of(portGroup: number): AccessState {
    return this.#states.get(portGroup) ?? AccessState.ACTIVE_OPTIMIZED;
  }

  statusCode(portGroup: number): number {
    return this.#states.has(portGroup) ? StatusCode.BY_COMMAND : StatusCode.NONE;
  }

  set(portGroup: number, state: AccessState): void {
    this.#states.set(portGroup, state);
    this.inForce = [...this.#states.values()].some((one) => one >= AccessState.STANDBY);
  }
}
