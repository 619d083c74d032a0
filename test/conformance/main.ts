/**
 * `npm run conformance [-- --profile NAME]… [--test ALL]`: libiscsi's suite against each profile, a
 * row each; a run of everything also writes docs/conformance.md. Ends with 1 where one of ours fails
 * a test.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { ALL_FAMILIES, runIscsiTestCu, type SuiteTest } from "../helpers/iscsi-test-cu.ts";
import { INITIATOR, PROFILES, type Profile, SECOND_INITIATOR } from "./profiles.ts";
import { conformanceDocument, count, outcomeOf, outcomes, type ProfileResult, reasonOf } from "./report.ts";

const DOCUMENT = new URL("../../docs/conformance.md", import.meta.url);

const { values } = parseArgs({ options: { profile: { type: "string", multiple: true }, test: { type: "string" } } });
const names = values.profile ?? PROFILES.map(({ name }) => name);

const results: ProfileResult[] = [];
console.log(row("profile", "run", ...outcomes));
for (const profile of names.map(profileNamed)) {
  const result = { profile, tests: await run(profile) };
  results.push(result);
  console.log(row(profile.name, result.tests.length, ...outcomes.map((outcome) => count(result, outcome))));
  // The reasons go to stderr, so that the table on stdout can be read by a program.
  for (const test of result.tests.filter((one) => outcomeOf(profile, one) === "failed")) {
    console.error(`${profile.name}: ${test.name}: ${reasonOf(test)}`);
  }
}
if (values.profile === undefined && values.test === undefined) await writeFile(DOCUMENT, conformanceDocument(results));
process.exitCode = results.some((result) => result.profile.ours && count(result, "failed") > 0) ? 1 : 0;

function profileNamed(name: string): Profile {
  const profile = PROFILES.find((candidate) => candidate.name === name);
  if (profile) return profile;
  throw new Error(`There is no profile ${name}; there are ${PROFILES.map((known) => known.name).join(", ")}.`);
}

async function run(profile: Profile): Promise<readonly SuiteTest[]> {
  const disk = await profile.start();
  try {
    const families = values.test === undefined ? (profile.families ?? ALL_FAMILIES) : [values.test];
    const initiators = { initiator: INITIATOR, secondInitiator: SECOND_INITIATOR };
    // Where there are not two ways to the disk, there are two sessions.
    const second = { secondUrl: disk.secondUrl ?? disk.url };
    return (await runIscsiTestCu(disk.url, { ...initiators, ...second, families })).tests;
  } finally {
    await disk.close();
  }
}

function row(name: string, ...cells: readonly (string | number)[]): string {
  return [name.padEnd(10), ...cells.map((cell) => String(cell).padStart(8))].join(" ");
}
