/** Shipped scenarios as users run them, on labs that those of one shape share. */
import { cp, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext, TestFn } from "ava";
import { countGuests, TestLab } from "./lab.ts";

const EXAMPLES = new URL("../../examples/scenarios/", import.meta.url).pathname;

export interface ScenarioReport {
  readonly passed: boolean;
  readonly labProblem: string | null;
  readonly steps: readonly { readonly name: string; readonly verdict: string; readonly saw: string }[];
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
  const args = ["scenario", "run", `${name}.yaml`, "--json"];
  const { exitCode, stdout, stderr } = await lab.run(args, { timeoutMs: 390_000 });
  t.is(exitCode, 0, stderr + stdout);
  const report = JSON.parse(stdout) as ScenarioReport;
  t.true(report.passed);
  return report;
}
