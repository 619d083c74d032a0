/**
 * `npm run conformance [-- --profile NAME]… [--test ALL]`: libiscsi's suite against each profile, a
 * row each. Ends with 1 where one of ours fails a test of the families that a disk has to pass whole.
 */
import { parseArgs } from "node:util";
import { REQUIRED_FAMILIES, runIscsiTestCu, type SuiteTest, type Verdict } from "../helpers/iscsi-test-cu.ts";
import { INITIATOR, PROFILES, type Profile, SECOND_INITIATOR } from "./profiles.ts";

const { values } = parseArgs({
  options: {
    profile: { type: "string", multiple: true, default: PROFILES.map(({ name }) => name) },
    test: { type: "string", default: "ALL" },
  },
});

let requiredFailed = 0;
console.log(row("profile", "run", "passed", "failed", "skipped", "required failed"));
for (const name of values.profile) {
  const profile = PROFILES.find((candidate) => candidate.name === name);
  if (profile === undefined)
    throw new Error(`There is no profile ${name}; there are ${PROFILES.map((p) => p.name).join(", ")}.`);
  const tests = await run(profile);
  const count = (verdict: Verdict) => tests.filter((test) => test.verdict === verdict).length;
  const missed = tests.filter((test) => test.verdict === "failed" && required(test));
  console.log(row(name, tests.length, count("passed"), count("failed"), count("skipped"), missed.length));
  for (const test of tests.filter(({ verdict }) => verdict === "failed")) explain(profile, test);
  if (profile.ours) requiredFailed += missed.length;
}
process.exitCode = requiredFailed === 0 ? 0 : 1;

async function run(profile: Profile): Promise<readonly SuiteTest[]> {
  const disk = await profile.start();
  try {
    const options = { families: [values.test], initiator: INITIATOR, secondInitiator: SECOND_INITIATOR };
    return (await runIscsiTestCu(disk.url, options)).tests;
  } finally {
    await disk.close();
  }
}

function required(test: SuiteTest): boolean {
  return REQUIRED_FAMILIES.includes(`ALL.${test.name.split(".")[0]}`);
}

/** The reasons go to stderr, so that the table on stdout can be read by a program. */
function explain(profile: Profile, test: SuiteTest): void {
  const reason = test.lines.find((line) => /^\d+\. /.test(line)) ?? test.lines.at(-1) ?? "no verdict";
  console.error(`${profile.name}: ${test.name}: ${reason}`);
}

function row(name: string, ...cells: readonly (string | number)[]): string {
  return [name.padEnd(10), ...cells.map((cell) => String(cell).padStart(8))].join(" ");
}
