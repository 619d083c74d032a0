/** A timeline without a lab: what it wants to do next, by a clock and answers of the test's own. */
import test from "ava";
import type { RawStep } from "sanlab/scenario/raw.ts";
import { stepOf } from "sanlab/scenario/read.ts";
import type { Scenario } from "sanlab/scenario/scenario.ts";
import { Timeline } from "sanlab/scenario/timeline.ts";

const HOLDS = { consistent: true } as const;

interface World {
  /** Whether a condition holds at a time. */
  readonly holds?: (nowMs: number) => boolean;
  /** The problem of a step, if it has one. */
  readonly problem?: (name: string) => string | undefined;
  readonly tookMs?: number;
}

/** Goes through a timeline in made-up time; what was done, with when. */
function play(steps: readonly RawStep[], world: World = {}, limitMs = 60_000) {
  const scenario: Scenario = {
    name: "s",
    description: "",
    file: "/s.yaml",
    lab: null,
    limitMs,
    steps: steps.map((step, index) => stepOf(step, index + 1, index + 1)),
  };
  const timeline = new Timeline(scenario);
  const done: string[] = [];
  let nowMs = 0;
  for (let moves = 0; moves < 10_000; moves += 1) {
    const move = timeline.move(nowMs);
    if (move.kind === "over") return { done, nowMs, reports: timeline.reports(), passed: timeline.passed };
    if (move.kind === "sleep") nowMs = Math.max(nowMs + 1, move.untilMs);
    else if (move.kind === "look") timeline.looked(world.holds?.(nowMs) ?? true, "seen", nowMs);
    else {
      done.push(`${nowMs} ${move.step.name}`);
      nowMs += world.tookMs ?? 0;
      timeline.performed(world.problem?.(move.step.name), "", nowMs);
    }
  }
  throw new Error("the timeline does not end");
}

const act = (name: string, more: RawStep = {}): RawStep => ({ name, clear: "all", ...more });

test("steps go one after another, not before their time since the begin or since the step before", (t) => {
  const { done, passed } = play([act("a"), act("b", { at: "5s" }), act("c", { after: "2s" }), act("d", { at: "1s" })], {
    tookMs: 100,
  });
  t.deepEqual(done, ["0 a", "5000 b", "7100 c", "7200 d"]);
  t.true(passed);
});

test("'when' lets a step wait until its condition holds, and fails it where that never comes", (t) => {
  const steps = [act("a", { when: HOLDS, within: "10s" }), act("b")];
  t.deepEqual(play(steps, { holds: (nowMs) => nowMs >= 3000 }).done, ["3000 a", "3000 b"]);
  const { done, reports, passed, nowMs } = play(steps, { holds: () => false });
  t.deepEqual(done, []);
  t.is(nowMs, 10_000);
  t.false(passed);
  t.deepEqual(
    reports.map(({ verdict, saw }) => [verdict, saw]),
    [
      ["failed", "seen"],
      ["skipped", ""],
    ],
  );
});

test("an expectation is waited for within its time", (t) => {
  const steps: RawStep[] = [{ expect: HOLDS, within: "5s" }];
  const met = play(steps, { holds: (nowMs) => nowMs >= 4000 });
  t.true(met.passed);
  t.is(met.reports[0]?.tookMs, 4000);
  t.false(play(steps, { holds: (nowMs) => nowMs >= 6000 }).passed);
});

test("an expectation that is to hold for a while fails when it is broken", (t) => {
  const steps: RawStep[] = [{ expect: HOLDS, within: "5s", holds: "3s" }];
  const kept = play(steps, { holds: (nowMs) => nowMs >= 1000 });
  t.true(kept.passed);
  t.is(kept.nowMs, 4000);
  const broken = play(steps, { holds: (nowMs) => nowMs >= 1000 && nowMs < 3000 });
  t.regex(broken.reports[0]?.saw ?? "", /held for 2000 ms only/);
});

test("the first step that fails ends the timeline", (t) => {
  const { done, reports } = play([act("a"), act("b"), act("c")], {
    problem: (name) => (name === "b" ? "it broke" : undefined),
  });
  t.deepEqual(done, ["0 a", "0 b"]);
  t.deepEqual(
    reports.map(({ verdict }) => verdict),
    ["passed", "failed", "skipped"],
  );
});

test("a step that repeats goes on beside the others, also while one waits", (t) => {
  const steps = [act("tick", { every: "2s" }), act("a", { after: "3s" }), act("b", { after: "2s" })];
  const { done, reports } = play(steps);
  t.deepEqual(done, ["0 tick", "2000 tick", "3000 a", "4000 tick", "5000 b"]);
  t.is(reports[0]?.times, 3);
  t.is(reports[0]?.verdict, "passed");
  t.deepEqual(play([act("tick", { every: "2s", times: 3 }), act("a")]).done, [
    "0 tick",
    "0 a",
    "2000 tick",
    "4000 tick",
  ]);
  const until = play([act("tick", { every: "2s", until: HOLDS })], { holds: (nowMs) => nowMs >= 5000 });
  t.deepEqual(until.done, ["0 tick", "2000 tick", "4000 tick"]);
});

test("nothing lasts longer than the limit", (t) => {
  const { reports, nowMs, passed } = play([act("a", { after: "2m" }), act("b")], {}, 10_000);
  t.is(nowMs, 10_000);
  t.false(passed);
  t.regex(reports[0]?.saw ?? "", /limit of 10 s/);
  t.is(reports[1]?.verdict, "skipped");
});
