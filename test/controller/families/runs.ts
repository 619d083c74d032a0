/** How far ahead of first writes it is worth allocating. */
import { IDLE_MS, Runs } from "@sanlab/controller/families/runs.ts";
import test from "ava";

/** Writes segment after segment, each `ms` after the one before; how many were allocated ahead of each that was asked for. */
function written(runs: Runs, segments: number, ms: number): number[] {
  const ahead: number[] = [];
  let granted = 0;
  for (let segment = 0; segment < segments; segment += 1) {
    if (segment < granted) continue;
    const count = runs.wanted("t", segment, segment * ms);
    runs.granted("t", segment, 1, count, segment * ms);
    ahead.push(count);
    granted = segment + 1 + count;
  }
  return ahead;
}

test("the longer a run, the more is allocated ahead of it: never more than half of what was written", (t) => {
  t.deepEqual(written(new Runs(), 60, 1), [0, 0, 1, 2, 3, 5, 8, 13, 20]);
});

test("a slow run is granted no more than it writes before it counts as ended", (t) => {
  const perSegmentMs = 40;
  for (const ahead of written(new Runs(), 200, perSegmentMs)) t.true((ahead + 1) * perSegmentMs < IDLE_MS);
});

test("writes here and there are no run, and runs of several tables are kept apart", (t) => {
  const runs = new Runs();
  for (const segment of [9, 4, 11, 2, 7, 30]) {
    t.is(runs.wanted("t", segment, 0), 0);
    runs.granted("t", segment, 1, 0, 0);
  }
  for (const segment of [100, 101, 102]) runs.granted("t", segment, 1, 0, 0);
  t.is(runs.wanted("t", 103, 1), 1);
  t.is(runs.wanted("other", 103, 1), 0);
  t.deepEqual(runs.ahead, []);
});
