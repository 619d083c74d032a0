import { type ExclusiveUse, tryExclusive } from "@sanlab/vm/exclusive.ts";
import { UserError } from "../user-error.ts";
import { canonicalPath } from "./canonical-path.ts";

/** What only one process at a time may do to a state directory. */
export const Exclusive = { OPERATION: "operation", SCENARIO: "scenario", SUPERVISOR: "supervisor" } as const;
type Exclusive = (typeof Exclusive)[keyof typeof Exclusive];

/** Takes the right, or returns undefined where another process has it. It ends with this process at the latest. */
export async function takeExclusive(what: Exclusive, state: string): Promise<ExclusiveUse | undefined> {
  return tryExclusive(`${what} ${await canonicalPath(state)}`);
}

/** Runs `work` as the only `up` or `down` on the state directory. */
export function asOnlyOperation<Result>(state: string, work: () => Promise<Result>): Promise<Result> {
  const others = `Another 'sanlab up' or 'sanlab down' is at work on the state directory ${state}`;
  return asOnly(Exclusive.OPERATION, state, `${others}: wait until it has ended.`, work);
}

/** Runs `work` as the only scenario on the state directory's lab: each would see the other's faults as its own. */
export function asOnlyScenario<Result>(state: string, work: () => Promise<Result>): Promise<Result> {
  const others = `Another scenario runs on the lab of the state directory ${state}`;
  return asOnly(
    Exclusive.SCENARIO,
    state,
    `${others}: wait until it has ended, or give this one a lab of its own with --state.`,
    work,
  );
}

async function asOnly<Result>(
  what: Exclusive,
  state: string,
  busy: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const use = await takeExclusive(what, state);
  if (use === undefined) throw new UserError("BUSY", busy);
  try {
    return await work();
  } finally {
    use.release();
  }
}
