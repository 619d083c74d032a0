/**
 * `npm run scenarios [-- NAME…] [--times N]`: runs the shipped scenarios, or these, twice or N times in a row, each time
 * on a fresh lab of its own, and compares the steps and verdicts of the runs. Ends with 1 where one failed or two differ.
 */
import { readdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { courseOf, differences, EXAMPLES, runScenario, scenarioDirectory } from "../helpers/scenarios.ts";

const { values, positionals } = parseArgs({
  options: { times: { type: "string", default: "2" } },
  allowPositionals: true,
});
const times = Number(values.times);
if (!(Number.isInteger(times) && times > 0)) throw new Error("--times takes a whole number from 1.");

for (const name of positionals.length > 0 ? positionals : await shipped()) {
  const courses: string[][] = [];
  let [allPassed, seconds] = [true, ""];
  for (let time = 0; time < times; time += 1) {
    const { report, exitCode } = await onFreshLab(name);
    courses.push(courseOf(report));
    seconds += ` ${Math.round(report.tookMs / 1000)} s`;
    allPassed &&= exitCode === 0;
  }
  const [first = [], ...others] = courses;
  const different = others.flatMap((course) => differences(first, course));
  const verdict = allPassed ? "passed" : "FAILED";
  const steps = `${first.length} steps`;
  console.log(
    `${name}: ${verdict},${seconds}, ${steps}, ${different.length === 0 ? "the same each time" : "DIFFERENT"}`,
  );
  for (const line of different) console.log(`  ${line}`);
  if (!allPassed || different.length > 0) process.exitCode = 1;
}

async function onFreshLab(name: string) {
  const lab = await scenarioDirectory();
  try {
    const run = await runScenario(lab, name);
    if (run.exitCode !== 0) process.stderr.write(`${run.stderr}\n${run.stdout}\n`);
    return run;
  } finally {
    await lab.destroy();
  }
}

/** Those with a page; the others are the labs that they run on. */
async function shipped(): Promise<string[]> {
  const pages = await readdir(new URL("../../docs/scenarios/", import.meta.url));
  const names = pages.map((page) => page.replace(/\.md$/, ""));
  const files = await readdir(EXAMPLES);
  return names.filter((name) => files.includes(`${name}.yaml`)).sort();
}
