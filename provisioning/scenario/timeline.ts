/**
 * A timeline as it goes (pure): what is to be done next, by what was told of the steps before. Steps go one after
 * another; those that repeat are done between them, and between two looks at a condition. Nothing here waits or acts.
 *
 *     move → sleep | look (tell `looked`) | perform (tell `performed`) | over
 */
import type { Condition, Scenario, Step } from "./scenario.ts";

export type Move =
  | { readonly kind: "sleep"; readonly untilMs: number }
  | { readonly kind: "look"; readonly condition: Condition }
  | { readonly kind: "perform"; readonly step: Step }
  | { readonly kind: "over" };

export interface StepReport {
  readonly step: Step;
  readonly verdict: "passed" | "failed" | "skipped";
  /** When it began, and how long it took, ms; of a step that repeats, its first time. */
  readonly beganMs: number;
  readonly tookMs: number;
  /** What was seen last, or why it failed; empty where there is nothing to say. */
  readonly saw: string;
  /** How often a step that repeats was done. */
  readonly times: number;
}

interface Background {
  readonly step: Step;
  nextMs: number;
  times: number;
  /** Its `until` is looked at before it is done again. */
  mayGoOn: boolean;
  readonly beganMs: number;
}

/** Between two looks at a condition, ms. */
const LOOK_MS = 250;

type Phase =
  | { readonly kind: "waiting"; readonly untilMs: number }
  | { readonly kind: "looking"; readonly at: "when" | "expect"; readonly sinceMs: number; holdsSinceMs: number | null }
  | { readonly kind: "performing" };

export class Timeline {
  readonly #scenario: Scenario;
  readonly #reports: StepReport[] = [];
  #background: Background[] = [];
  #position = 0;
  #phase: Phase;
  #beganMs = 0;
  #nextLookMs = 0;
  #isOver = false;
  /** What the move that was given out last is about. */
  #asked: Background | "foreground" = "foreground";

  /** The clock that all calls are given begins at 0. */
  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#phase = this.#entered(0);
  }

  get passed(): boolean {
    return this.#reports.every(({ verdict }) => verdict === "passed");
  }

  /** All steps in the order of the file; those that were not reached are skipped. */
  reports(): StepReport[] {
    const { steps } = this.#scenario;
    return steps.map(
      (step) =>
        this.#reports.findLast((report) => report.step === step) ?? {
          step,
          verdict: "skipped",
          beganMs: 0,
          tookMs: 0,
          saw: "",
          times: 0,
        },
    );
  }

  move(nowMs: number): Move {
    if (nowMs >= this.#scenario.limitMs && !this.#isOver) this.#outOfTime(nowMs);
    if (this.#isOver) return { kind: "over" };
    const due = this.#background.find(({ nextMs }) => nextMs <= nowMs);
    if (due !== undefined) return this.#moveOf(due);
    this.#asked = "foreground";
    const { step } = this;
    if (step === undefined) return this.#end(nowMs);
    if (this.#phase.kind === "waiting" && nowMs >= this.#phase.untilMs) {
      this.#phase = waited(step, nowMs);
      this.#beganMs = nowMs;
      this.#nextLookMs = nowMs;
    }
    return this.#inPhase(step, nowMs);
  }

  looked(holds: boolean, saw: string, nowMs: number): void {
    const asked = this.#asked;
    if (asked !== "foreground") {
      if (holds) this.#finish(asked, nowMs);
      else asked.mayGoOn = true;
      return;
    }
    const { step } = this;
    if (step === undefined || this.#phase.kind !== "looking") return;
    this.#nextLookMs = nowMs + LOOK_MS;
    const { at, sinceMs, holdsSinceMs } = this.#phase;
    this.#phase.holdsSinceMs = holds ? (holdsSinceMs ?? nowMs) : null;
    const needsMs = at === "expect" ? step.holdsMs : 0;
    if (holds && nowMs - (holdsSinceMs ?? nowMs) >= needsMs) return this.#reached(step, at, saw, nowMs);
    // An expectation that is to hold for a while has failed once it is broken.
    const isBroken = at === "expect" && !holds && holdsSinceMs !== null;
    const isLate = !holds && nowMs - sinceMs >= step.withinMs;
    if (isBroken) this.#over(step, "failed", `held for ${nowMs - holdsSinceMs} ms only: ${saw}`, nowMs);
    else if (isLate) this.#over(step, "failed", saw, nowMs);
  }

  performed(problem: string | undefined, saw: string, nowMs: number): void {
    const asked = this.#asked;
    if (asked === "foreground") {
      if (this.step !== undefined)
        this.#over(this.step, problem === undefined ? "passed" : "failed", problem ?? saw, nowMs);
      return;
    }
    asked.times += 1;
    asked.mayGoOn = false;
    asked.nextMs = nowMs + (asked.step.every?.everyMs ?? 0);
    if (problem !== undefined) this.#over(asked.step, "failed", problem, nowMs, asked);
    else if (asked.times === asked.step.every?.times) this.#finish(asked, nowMs);
  }

  /** The step that is at its turn. */
  get step(): Step | undefined {
    return this.#scenario.steps[this.#position];
  }

  #inPhase(step: Step, nowMs: number): Move {
    const phase = this.#phase;
    if (phase.kind === "waiting") return this.#sleep(phase.untilMs);
    if (phase.kind === "looking") {
      if (nowMs < this.#nextLookMs) return this.#sleep(this.#nextLookMs);
      const condition = phase.at === "when" ? step.when : step.does.kind === "expect" ? step.does.condition : null;
      return { kind: "look", condition: condition ?? [] };
    }
    if (step.every === null) return { kind: "perform", step };
    // From here on it goes by itself, beside what follows.
    this.#background.push({ step, nextMs: nowMs, times: 0, mayGoOn: false, beganMs: nowMs });
    this.#next(nowMs);
    return this.move(nowMs);
  }

  /** Awake in time for what repeats, and for the limit. */
  #sleep(untilMs: number): Move {
    const nextMs = this.#background.map((one) => one.nextMs);
    return { kind: "sleep", untilMs: Math.min(untilMs, this.#scenario.limitMs, ...nextMs) };
  }

  #moveOf(background: Background): Move {
    this.#asked = background;
    const until = background.step.every?.until ?? null;
    if (until !== null && !background.mayGoOn) return { kind: "look", condition: until };
    return { kind: "perform", step: background.step };
  }

  #reached(step: Step, at: "when" | "expect", saw: string, nowMs: number): void {
    if (at === "expect") return this.#over(step, "passed", saw, nowMs);
    this.#phase = performing(step, nowMs);
    this.#nextLookMs = nowMs;
  }

  #over(step: Step, verdict: "passed" | "failed", saw: string, nowMs: number, from?: Background): void {
    const beganMs = from?.beganMs ?? this.#beganMs;
    this.#reports.push({ step, verdict, beganMs, tookMs: nowMs - beganMs, saw, times: from?.times ?? 1 });
    if (verdict === "failed") this.#isOver = true;
    else if (from === undefined) this.#next(nowMs);
  }

  #finish(background: Background, nowMs: number): void {
    this.#background = this.#background.filter((one) => one !== background);
    this.#over(background.step, "passed", "", nowMs, background);
  }

  /** Those that repeat for ever end with the last step; those that are to be done so often are waited for. */
  #end(nowMs: number): Move {
    const [pending] = this.#background.filter(({ step }) => step.every?.times !== null || step.every.until !== null);
    if (pending !== undefined) return this.#sleep(pending.nextMs);
    for (const background of this.#background) this.#finish(background, nowMs);
    this.#isOver = true;
    return { kind: "over" };
  }

  #outOfTime(nowMs: number): void {
    const seconds = this.#scenario.limitMs / 1000;
    const step = this.step ?? this.#background[0]?.step;
    if (step !== undefined) this.#over(step, "failed", `the scenario's limit of ${seconds} s is over`, nowMs);
    this.#isOver = true;
  }

  #next(nowMs: number): void {
    this.#position += 1;
    this.#phase = this.#entered(nowMs);
  }

  #entered(nowMs: number): Phase {
    const { step } = this;
    this.#beganMs = nowMs;
    this.#nextLookMs = nowMs;
    return { kind: "waiting", untilMs: step === undefined ? nowMs : Math.max(step.atMs, nowMs + step.afterMs) };
  }
}

function waited(step: Step, nowMs: number): Phase {
  if (step.when !== null) return { kind: "looking", at: "when", sinceMs: nowMs, holdsSinceMs: null };
  return performing(step, nowMs);
}

function performing({ does }: Step, nowMs: number): Phase {
  if (does.kind !== "expect") return { kind: "performing" };
  return { kind: "looking", at: "expect", sinceMs: nowMs, holdsSinceMs: null };
}
