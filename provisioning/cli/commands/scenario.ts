import { Option } from "commander";
import { ExitCode } from "../../user-error.ts";
import type { Verb, VerbContext } from "../verb.ts";

export const scenarioVerbs: readonly Verb[] = [
  {
    usage: "run <file>",
    summary:
      "Run a scenario: bring its lab up where it does not run, go through its timeline, report (exit code 1 where an expectation failed)",
    examples: [
      "sanlab scenario run examples/scenarios/path-failover.yaml",
      "sanlab scenario run lab.yaml --junit report.xml --json",
    ],
    options: [
      new Option("--junit <file>", "also write the report as JUnit XML"),
      new Option("--keep", "leave the lab running that was brought up for this"),
    ],
    run: async (context, [file], { junit, keep }) => {
      const report = await runFile(context, String(file), keep === true);
      const { reportJson, reportJunit, reportText } = await import("../../scenario/report.ts");
      if (junit !== undefined) {
        const { writeFile } = await import("node:fs/promises");
        await writeFile(String(junit), reportJunit(report));
      }
      await context.print(reportJson(report), () => reportText(report));
      return report.passed ? ExitCode.DONE : ExitCode.REFUSED;
    },
  },
  {
    usage: "check <file>",
    summary:
      "Check a scenario file without running it: every error with its line, the value found and what was expected",
    examples: ["sanlab scenario check examples/scenarios/path-failover.yaml"],
    run: async (context, [file]) => {
      const scenario = await load(context, String(file));
      const steps = scenario.steps.map(({ name, line }) => ({ name, line }));
      const right = `${file} is right: scenario '${scenario.name}' with ${steps.length} step${steps.length === 1 ? "" : "s"}.`;
      await context.print({ scenario: scenario.name, steps }, () => right);
    },
  },
];

async function load(context: VerbContext, file: string) {
  const [{ loadScenario }, { wrongWords }, { runningNames }] = await Promise.all([
    import("../../scenario/load.ts"),
    import("../words.ts"),
    import("../../scenario/running-names.ts"),
  ]);
  const checkVerb = (words: readonly string[]) => wrongWords(context.program, words);
  return loadScenario(file, { checkVerb, runningNames: () => runningNames(context.state, context.api) });
}

async function runFile(context: VerbContext, file: string, keep: boolean) {
  const [scenario, { runScenario }, { cacheDirectory }] = await Promise.all([
    load(context, file),
    import("../../scenario/run.ts"),
    import("../../hosts/start.ts"),
  ]);
  return runScenario(scenario, {
    state: context.state,
    cacheDir: cacheDirectory(),
    signal: context.signal,
    keep,
    say: (message) => context.note(message),
    onBegin: ({ name }) => context.note(`- ${name}`),
  });
}
