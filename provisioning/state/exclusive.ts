import { type ExclusiveUse, tryExclusive } from "@sanlab/vm/exclusive.ts";
import { UserError } from "../user-error.ts";
import { canonicalPath } from "./canonical-path.ts";

/** What only one process at a time may do to a state directory. */
export const Exclusive = { OPERATION: "operation", SUPERVISOR: "supervisor" } as const;
type Exclusive = (typeof Exclusive)[keyof typeof Exclusive];

/** Takes the right, or returns undefined where another process has it. It ends with this process at the latest. */
export async function takeExclusive(what: Exclusive, state: string): Promise<ExclusiveUse | undefined> {
  return tryExclusive(`${what} ${await canonicalPath(state)}`);
}

/** Runs `work` as the only `up` or `down` on the state directory. */
export async function asOnlyOperation<Result>(state: string, work: () => Promise<Result>): Promise<Result> {
  const use = await takeExclusive(Exclusive.OPERATION, state);
  if (use === undefined) {
    throw new UserError(
      "BUSY",
      `Another 'sanlab up' or 'sanlab down' is at work on the state directory ${state}: wait until it has ended.`,
    );
  }
  try {
    return await work();
  } finally {
    use.release();
  }
}
