/** Fencing by kill that does not come off at once. */
import { AgentSession } from "@sanlab/controller/agents/agent-session.ts";
import { Fencing } from "@sanlab/controller/agents/fencing.ts";
import type { Roster } from "@sanlab/controller/agents/roster.ts";
import test from "ava";

test("a fencing that fails is tried again until it is done, since a drain waits for it", async (t) => {
  const record = { name: "a", incarnation: 1, ended: false, process: { pid: 1, startTime: 1, lockFile: "" } };
  const timers: (() => void)[] = [];
  const bugs: unknown[] = [];
  let tries = 0;
  const fence = async () => {
    tries += 1;
    if (tries < 3) throw new Error("the lock file cannot be opened");
  };
  const after = (_ms: number, run: () => void) => {
    timers.push(run);
    return () => undefined;
  };
  const clock = { after, nowMs: () => 0 };
  const options = {
    clock,
    fencer: { fence },
    log: () => undefined,
    drainLimitMs: 10,
    onBug: (e: unknown) => bugs.push(e),
  };
  const roster = { options, record: () => record, change: async () => undefined } as unknown as Roster;
  const session = new AgentSession({ cluster: "c", epoch: 1, incarnation: 1 });
  const drained = new Fencing(roster).limited("a", session, session.ended);
  while (!session.fenced) {
    timers.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await drained;
  t.is(tries, 3);
  t.is(bugs.length, 2);
});
