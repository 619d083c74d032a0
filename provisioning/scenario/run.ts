/** Runs a scenario: brings its lab up where it does not run, goes through the timeline, and leaves nothing behind. */
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { down } from "../apply/down.ts";
import { up } from "../apply/up.ts";
import { asUserError } from "../errors.ts";
import { asOnlyScenario } from "../state/exclusive.ts";
import { readLabRecord } from "../state/lab-record.ts";
import { SupervisorClient } from "../supervisor/client.ts";
import { ExitCode, UserError } from "../user-error.ts";
import { lastWords, type Words } from "./last-words.ts";
import { look } from "./observe.ts";
import { perform } from "./perform.ts";
import type { Scenario, Step } from "./scenario.ts";
import { Site } from "./site.ts";
import { leftBefore, tidyUp } from "./tidy-up.ts";
import { type StepReport, Timeline } from "./timeline.ts";

export interface RunOptions {
  /** Absolute path of the state directory. */
  readonly state: string;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  /** Leave a lab running that was brought up for this. */
  readonly keep: boolean;
  readonly say: (message: string) => void;
  readonly onBegin?: (step: Step) => void;
}

export interface ScenarioReport {
  readonly scenario: Scenario;
  readonly passed: boolean;
  /** Why the lab did not come up; then no step was reached. */
  readonly labProblem: string | null;
  readonly steps: readonly StepReport[];
  /** Milliseconds since 1970. */
  readonly beganAtMs: number;
  readonly tookMs: number;
  /** Of guests' consoles, agents and the controller, where something failed. */
  readonly words: readonly Words[];
}

/** @throws what no scenario expects: an interrupt, a lab that is not there or is at another scenario, a bug. */
export function runScenario(scenario: Scenario, options: RunOptions): Promise<ScenarioReport> {
  return asOnlyScenario(options.state, () => runAlone(scenario, options));
}

async function runAlone(scenario: Scenario, options: RunOptions): Promise<ScenarioReport> {
  const [begunMs, beganAtMs] = [performance.now(), Date.now()];
  const { wasRunning, wasThere } = await whatIs(options.state, scenario);
  let words: readonly Words[] = [];
  const timeline = new Timeline(scenario);
  let labProblem: string | null = null;
  try {
    labProblem = await labIsUp(scenario, options, async () => {
      words = await lastWords(options.state);
    });
    if (labProblem === null) {
      await goThrough(timeline, dirname(scenario.file), options);
      if (!timeline.passed) words = await lastWords(options.state);
    }
  } finally {
    if (!wasRunning && !options.keep) await down({ state: options.state, destroy: !wasThere });
  }
  const passed = labProblem === null && timeline.passed;
  const tookMs = performance.now() - begunMs;
  return { scenario, passed, labProblem, steps: timeline.reports(), beganAtMs, tookMs, words };
}

async function whatIs(state: string, { lab, name }: Scenario): Promise<{ wasRunning: boolean; wasThere: boolean }> {
  const wasThere = (await readLabRecord(state)) !== undefined;
  const wasRunning = (await new SupervisorClient(state).status()) !== undefined;
  if (lab !== null || wasRunning) return { wasRunning, wasThere };
  const sentence = `Scenario '${name}' names no lab file, and no lab runs on ${state}: start one with 'sanlab up'.`;
  throw new UserError("NOT_RUNNING", sentence, { exitCode: ExitCode.NOT_RUNNING });
}

/** The sentence that says why it is not up, if it is not; `beforeUndo` is called while what failed is still there. */
async function labIsUp(
  { lab }: Scenario,
  { state, cacheDir, signal, say }: RunOptions,
  beforeUndo: () => Promise<void>,
): Promise<string | null> {
  if (lab === null) return null;
  try {
    await up({ state, labFile: lab, cacheDir, signal, say, beforeUndo });
    return null;
  } catch (error) {
    const known = asUserError(error);
    if (known === undefined || signal.aborted) throw error;
    return [known.message, ...known.details].join("\n");
  }
}

async function goThrough(timeline: Timeline, directory: string, options: RunOptions): Promise<void> {
  const site = new Site(options.state, directory, options.signal);
  const left = await leftBefore(options.state);
  if (left !== undefined) options.say(left);
  await tidyUp(site);
  await site.learn();
  const begunMs = performance.now();
  const nowMs = () => Math.round(performance.now() - begunMs);
  const told = new Set<Step>();
  try {
    for (;;) {
      const { step } = timeline;
      const move = timeline.move(nowMs());
      if (move.kind === "over") return;
      if (step !== undefined && move.kind !== "sleep" && !told.has(step)) options.onBegin?.(step);
      if (step !== undefined && move.kind !== "sleep") told.add(step);
      if (move.kind === "sleep")
        await delay(Math.max(1, move.untilMs - nowMs()), undefined, { signal: options.signal });
      else if (move.kind === "look") {
        const { holds, saw } = await look(site, move.condition);
        timeline.looked(holds, saw, nowMs());
      } else {
        const { problem, saw } = await perform(site, move.step);
        timeline.performed(problem, saw, nowMs());
      }
    }
  } finally {
    await tidyUp(site);
  }
}
