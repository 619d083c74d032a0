/** Takes back what a scenario has on its lab, however it ended: this one, or one before that was killed. */
import { deleteIfThere } from "../apply/remove.ts";
import { asUserError } from "../errors.ts";
import { forgetHoldings, type Holdings, readHoldings } from "./holdings.ts";
import { stopLoad } from "./perform.ts";
import { Site } from "./site.ts";

/** For I/O that a guest is at when the scenario is over. */
const STOP_MS = 10_000;
/** For all of it. */
const LIMIT_MS = 60_000;

/** Faults first: a load may be stuck on one. What cannot be undone of a lab that is broken does not matter any more. */
export async function tidyUp({ state, directory }: Pick<Site, "state" | "directory">): Promise<void> {
  const holdings = await readHoldings(state);
  if (holdings === undefined) return;
  const late = new Site(state, directory, AbortSignal.timeout(LIMIT_MS));
  for (const attempt of attempts(late, holdings)) {
    try {
      await attempt();
    } catch (error) {
      if (asUserError(error) === undefined && !late.signal.aborted) throw error;
    }
  }
  await forgetHoldings(state);
}

function attempts(site: Site, { faults, loads }: Holdings): (() => Promise<void>)[] {
  return [
    ...faults.map((name) => () => deleteIfThere(site.api, `/faults/${name}`)),
    ...loads.map((load) => () => stopLoad(site, load, STOP_MS)),
  ];
}

/** A sentence about what the run before left, if it left anything. */
export async function leftBefore(state: string): Promise<string | undefined> {
  const holdings = await readHoldings(state);
  if (holdings === undefined) return undefined;
  const left = [
    ...holdings.faults.map((name) => `fault '${name}'`),
    ...holdings.loads.map(({ name, host }) => `load '${name}' at host '${host}'`),
  ];
  return left.length === 0 ? undefined : `Clearing what an interrupted scenario left: ${left.join(", ")}`;
}
