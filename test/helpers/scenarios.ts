/** Shipped scenarios as users run them, on labs that those of one shape share. */
import { cp, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext, TestFn } from "ava";
import { type CommandResult, countGuests, TestLab } from "./lab.ts";

export const EXAMPLES = new URL("../../examples/scenarios/", import.meta.url).pathname;

export interface ScenarioReport {
  readonly passed: boolean;
  readonly labProblem: string | null;
  readonly tookMs: number;
  readonly steps: readonly {
    readonly name: string;
    readonly line: number;
    readonly does: string;
    readonly verdict: string;
    readonly saw: string;
  }[];
  readonly logs: readonly { readonly log: string; readonly lines: readonly string[] }[];
}

/** A directory with all shipped scenarios, and no lab yet; `called` is part of its name. */
export async function scenarioDirectory(called = ""): Promise<TestLab> {
  const lab = new TestLab(await mkdtemp(join(tmpdir(), `sanlab-test-${called}`)));
  await cp(EXAMPLES, lab.directory, { recursive: true });
  return lab;
}

/** Declares a test for each scenario, one after another on one lab of this shape: each leaves it so that the next can have it. */
export function scenarioTests(
  test: TestFn,
  file: string,
  guests: readonly string[],
  scenarios: readonly string[],
): void {
  let lab: TestLab;
  test.before(async () => {
    lab = await scenarioDirectory();
    await lab.must("up", file);
    countGuests({ hosts: Object.fromEntries(guests.map((name) => [name, {}])) });
  });
  test.after.always(() => lab?.destroy());
  for (const name of scenarios) {
    test.serial(`scenario ${name} goes as expected`, async (t) => {
      t.timeout(400_000);
      await passes(t, lab, name);
    });
  }
}

/** Runs a scenario of the directory, on the lab there or on one that it brings up. */
export async function passes(t: ExecutionContext, lab: TestLab, name: string): Promise<ScenarioReport> {
  const { exitCode, stdout, stderr, report } = await runScenario(lab, name);
  t.is(exitCode, 0, stderr + stdout);
  t.true(report.passed);
  return report;
}

export async function runScenario(lab: TestLab, name: string): Promise<CommandResult & { report: ScenarioReport }> {
  const args = ["scenario", "run", `${name}.yaml`, "--json"];
  const result = await lab.run(args, { timeoutMs: 390_000 });
  if (result.stdout === "") throw new Error(`scenario ${name} gave no report:\n${result.stderr}`);
  return { ...result, report: JSON.parse(result.stdout) as ScenarioReport };
}

/** What has to be the same each time: the steps, in their order, and their verdicts. Counts and times may differ. */
export function courseOf({ labProblem, steps }: ScenarioReport): string[] {
  const lab = labProblem === null ? "the lab is up" : "the lab did not come up";
  return [lab, ...steps.map(({ line, does, name, verdict }) => `line ${line}, ${does}, ${name}: ${verdict}`)];
}

/** A line for every place in which two courses differ. */
export function differences(first: readonly string[], second: readonly string[]): string[] {
  const places = Array.from({ length: Math.max(first.length, second.length) }, (_, at) => at);
  return places
    .filter((at) => first[at] !== second[at])
    .map((at) => `${first[at] ?? "nothing"}; then ${second[at] ?? "nothing"}`);
}
