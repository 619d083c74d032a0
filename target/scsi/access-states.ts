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
export const AccessStatus = { NONE: 0, BY_COMMAND: 1, BY_TARGET: 2 } as const;
export type AccessStatus = (typeof AccessStatus)[keyof typeof AccessStatus];

/** A group whose state somebody has set. */
export interface AccessRow {
  readonly portGroup: number;
  readonly state: AccessState;
  readonly status: AccessStatus;
}

export function isAccessState(state: number): state is AccessState {
  return state <= AccessState.UNAVAILABLE;
}

export class AccessStates {
  /** Of the groups that were set; the others are active/optimized. */
  #rows = new Map<number, AccessRow>();
  /** Groups whose server is lost, whatever was set. */
  #lost: ReadonlySet<number> = new Set();
  #ownIsLost = false;
  /** The group that is asked may not be able to do everything: all that commands look at while it can. */
  inForce = false;

  of(portGroup: number): AccessState {
    if (this.#lost.has(portGroup)) return AccessState.UNAVAILABLE;
    return this.#rows.get(portGroup)?.state ?? AccessState.ACTIVE_OPTIMIZED;
  }

  statusCode(portGroup: number): AccessStatus {
    if (this.#lost.has(portGroup)) return AccessStatus.BY_TARGET;
    return this.#rows.get(portGroup)?.status ?? AccessStatus.NONE;
  }

  /** What there is, with these set by SET TARGET PORT GROUPS. */
  withCommand(wanted: readonly (readonly [portGroup: number, state: AccessState])[]): AccessRow[] {
    const set = wanted.map(([portGroup, state]) => ({ portGroup, state, status: AccessStatus.BY_COMMAND }));
    return [...new Map([...this.#rows.values(), ...set].map((row) => [row.portGroup, row])).values()];
  }

  replace(rows: readonly AccessRow[]): void {
    this.#rows = new Map(rows.map((row) => [row.portGroup, row]));
    this.#weigh();
  }

  /** The groups that are lost now; `own` is the one whose commands this server sees. @returns whether that changes anything */
  setLost(lost: ReadonlySet<number>, own: number): boolean {
    if (lost.symmetricDifference(this.#lost).size === 0) return false;
    this.#lost = lost;
    this.#ownIsLost = lost.has(own);
    this.#weigh();
    return true;
  }

  #weigh(): void {
    const cannot = ({ state }: AccessRow) => state >= AccessState.STANDBY;
    this.inForce = this.#ownIsLost || [...this.#rows.values()].some(cannot);
  }
}
