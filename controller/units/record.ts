import { FRESH_UNIT, type UnitState } from "node-iscsi-target/mapping/messages/units.ts";

/** What a logical unit is, and the latest request of each agent that was answered with a change: a repeat gets the same answer. */
export interface UnitRecord extends UnitState {
  readonly answered: Readonly<Record<string, { readonly incarnation: number; readonly request: number }>>;
}

/** What agents are told of it. */
export function stateOf(record: UnitRecord | undefined): UnitState {
  if (record === undefined) return FRESH_UNIT;
  const { answered: _answered, ...state } = record;
  return state;
}
