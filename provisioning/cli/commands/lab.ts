import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Option } from "commander";
import { errorCode } from "../../errors.ts";
import { UserError } from "../../user-error.ts";
import { findLabFile } from "../lab-file.ts";
import type { Verb, VerbContext } from "../verb.ts";

const PRUNE = new Option(
  "--prune",
  "delete what an earlier lab file declared and this one does not, last, after listing it",
);

/** Verbs about the lab as a whole. */
export const labVerbs: readonly Verb[] = [
  {
    usage: "init [file]",
    summary: "Write an example lab file (lab.yaml)",
    examples: ["sanlab init", "sanlab init storage-test.yaml"],
    run: init,
  },
  {
    usage: "validate <file>",
    summary: "Check a lab file: every error with its line, the value found and what was expected",
    examples: ["sanlab validate lab.yaml", "sanlab validate lab.yaml --json"],
    run: validate,
  },
  {
    usage: "plan [file]",
    summary: "Show what `up` would change",
    examples: ["sanlab plan lab.yaml", "sanlab plan lab.yaml --prune"],
    options: [PRUNE],
    run: showPlan,
  },
  {
    usage: "up [file]",
    summary: "Make the running lab have what its file says, all or nothing; returns when every host sees its disks",
    examples: ["sanlab up lab.yaml", "sanlab up", "sanlab up lab.yaml --prune"],
    options: [PRUNE],
    run: bringUp,
  },
  {
    usage: "down",
    summary: "Stop hosts, agents, controller and supervisor, in this order; the disks stay",
    examples: ["sanlab down", "sanlab down --destroy"],
    options: [new Option("--destroy", "also remove the state directory and the image files that were created")],
    run: takeDown,
  },
];

async function init(context: VerbContext, [file]: readonly unknown[]): Promise<void> {
  const path = resolve((file as string | undefined) ?? "lab.yaml");
  const { EXAMPLE_LAB } = await import("../../lab/example.ts");
  try {
    await writeFile(path, EXAMPLE_LAB, { flag: "wx" });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    throw new UserError("REFUSED", `${path} is there already and was left as it is: name another file.`, {
      cause: error,
    });
  }
  await context.print({ file: path }, () => `Wrote ${path}: look through it, then run 'sanlab up ${path}'.`);
}

async function validate(context: VerbContext, [file]: readonly unknown[]): Promise<unknown> {
  const { LabFileError, loadLab } = await import("../../lab/load.ts");
  try {
    const lab = await loadLab(file as string);
    const count = (things: readonly unknown[], what: string) =>
      `${things.length} ${what}${things.length === 1 ? "" : "s"}`;
    const counts = [
      count(lab.pools, "pool"),
      count(lab.disks, "disk"),
      count(lab.agents, "agent"),
      count(lab.hosts, "host"),
      count(lab.zones, "zone"),
    ];
    await context.print(
      { valid: true, problems: [] },
      () => `${file} is right: lab '${lab.name}' with ${counts.join(", ")}.`,
    );
  } catch (error) {
    if (!(error instanceof LabFileError) || !context.json) throw error;
    await context.print({ valid: false, problems: error.problems }, () => "");
    return error.exitCode;
  }
}

async function showPlan(
  context: VerbContext,
  [file]: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const [{ planFor }, { planText, planJson }] = await Promise.all([
    import("../../apply/up.ts"),
    import("../plan-text.ts"),
  ]);
  const plan = await planFor(await upOptions(context, file, options));
  await context.print(planJson(plan), () => planText(plan));
}

async function bringUp(
  context: VerbContext,
  [file]: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const [{ up }, { planText, planJson }, { StepProgress }] = await Promise.all([
    import("../../apply/up.ts"),
    import("../plan-text.ts"),
    import("../progress.ts"),
  ]);
  const progress = new StepProgress();
  try {
    const plan = await up({
      ...(await upOptions(context, file, options)),
      say: (message) => progress.say(message),
      onPlan: (planned) => {
        context.note(planText(planned));
        progress.expect(planned.steps);
      },
      hooks: { onBegin: (step) => progress.begin(step), onDone: (step) => progress.done(step) },
    });
    await progress.end();
    await context.print(planJson(plan), () => `The lab is up: 'sanlab status' shows it, 'sanlab down' stops it.`);
  } catch (error) {
    await progress.fail();
    throw error;
  }
}

async function takeDown(
  context: VerbContext,
  _args: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { down } = await import("../../apply/down.ts");
  const result = await down({
    state: context.state,
    destroy: options.destroy === true,
    onBegin: (activity) => context.note(`- ${activity}`),
  });
  await context.print(result, () => {
    if (options.destroy === true) return "The lab is gone.";
    return result.wasRunning ? "The lab is stopped; 'sanlab up' brings it back." : "Nothing was running.";
  });
}

async function upOptions(context: VerbContext, file: unknown, options: Readonly<Record<string, unknown>>) {
  const { cacheDirectory } = await import("../../hosts/start.ts");
  return {
    state: context.state,
    labFile: await findLabFile(context.state, file as string | undefined),
    prune: options.prune === true,
    cacheDir: cacheDirectory(),
    signal: context.signal,
  };
}
