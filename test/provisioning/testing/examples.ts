/** The examples of the TypeScript API, as a user runs them. */
import { readFile } from "node:fs/promises";
import test from "ava";
import { execa } from "execa";
import { parse } from "yaml";

const ROOT = new URL("../../../", import.meta.url).pathname;

test("the example with node:test passes", async (t) => {
  t.timeout(180_000);
  const args = ["--test", "--test-reporter=tap", "examples/testing/node-test.test.ts"];
  const { exitCode, all } = await execa(process.execPath, args, {
    cwd: ROOT,
    all: true,
    reject: false,
    // Node's runner tells its children that they are its children; this is no child of such a one.
    env: { NODE_TEST_CONTEXT: undefined },
  });
  t.is(exitCode, 0, all);
  t.regex(all, /^# pass 1$/m);
});

/** Of https://docs.github.com/en/actions/writing-workflows/workflow-syntax-for-github-actions, what the example uses. */
interface Workflow {
  readonly name: string;
  readonly on: Readonly<Record<string, unknown>>;
  readonly jobs: Readonly<
    Record<string, { readonly container: string; readonly steps: readonly Readonly<Record<string, unknown>>[] }>
  >;
}

test("the workflow for GitHub Actions is one: every step uses an action of a version, or runs a script that a shell reads", async (t) => {
  const workflow = parse(await readFile(`${ROOT}/examples/github-actions.yaml`, "utf8")) as Workflow;
  t.deepEqual(Object.keys(workflow).sort(), ["jobs", "name", "on"]);
  t.true(["push", "pull_request"].every((event) => event in workflow.on));
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
  t.true(steps.length > 3);
  // GitHub's own machines run Ubuntu, which has not the packages that the guest is made of.
  t.true(Object.values(workflow.jobs).every((job) => job.container.startsWith("debian:")));
  for (const step of steps) {
    t.not(step.uses === undefined, step.run === undefined, "either uses or run");
    const known = ["name", "id", "if", "uses", "with", "run", "env", "shell", "working-directory", "timeout-minutes"];
    t.deepEqual(
      Object.keys(step).filter((key) => !known.includes(key)),
      [],
    );
    if (step.uses !== undefined) t.regex(String(step.uses), /^[\w.-]+\/[\w./-]+@v\d+/);
    if (step.run !== undefined) await execa("bash", ["-n"], { input: String(step.run) });
  }
});
