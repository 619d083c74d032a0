/** docs/conformance.md: what the suite said, profile by profile. */
import type { SuiteTest } from "../helpers/iscsi-test-cu.ts";
import type { Profile } from "./profiles.ts";

export interface ProfileResult {
  readonly profile: Profile;
  readonly tests: readonly SuiteTest[];
}

/** In the order of the tables. `excused`: failed through the suite's own fault. */
export const outcomes = ["passed", "failed", "excused", "skipped"] as const;
export type Outcome = (typeof outcomes)[number];

export function outcomeOf(profile: Profile, { name, verdict }: SuiteTest): Outcome {
  return verdict === "failed" && profile.suiteFaults?.[name] !== undefined ? "excused" : verdict;
}

export function count({ profile, tests }: ProfileResult, outcome: Outcome): number {
  return tests.filter((test) => outcomeOf(profile, test) === outcome).length;
}

export function conformanceDocument(results: readonly ProfileResult[]): string {
  const ours = results.filter(({ profile }) => profile.ours);
  const never = neverRun(ours);
  const known = new Set(ours.flatMap(({ tests }) => tests.map(({ name }) => name))).size;
  return `# Conformance

Written by \`npm run conformance\`: libiscsi's \`iscsi-test-cu --dataloss --allow-sanitize\`, all of its tests, against
each profile. A test that skips itself, because the disk is not of the kind it is for, counts as skipped and not as
passed. tgt is there to compare with.

${table(["profile", "", "run", ...outcomes], results.map(row))}

Of ${known} tests, ${known - never.length} ran unskipped in at least one profile of ours.

${section("Failed in a profile of ours", ours.flatMap(failures))}
${section("Excused: failed through the suite's own fault", ours.flatMap(excused))}
${section("Skipped in every profile of ours", never)}`;
}

function row(result: ProfileResult): string[] {
  const { profile, tests } = result;
  const counts = outcomes.map((outcome) => String(count(result, outcome)));
  return [profile.name, profile.what, String(tests.length), ...counts];
}

function neverRun(ours: readonly ProfileResult[]): string[] {
  const byName = Map.groupBy(
    ours.flatMap(({ tests }) => tests),
    ({ name }) => name,
  );
  const skipped = [...byName].filter(([, tests]) => tests.every(({ verdict }) => verdict === "skipped"));
  return skipped.map(([name, tests]) => `${name}: ${reasonOf(tests[0] as SuiteTest)}`).sort();
}

function failures({ profile, tests }: ProfileResult): string[] {
  return tests
    .filter((test) => outcomeOf(profile, test) === "failed")
    .map((test) => `${profile.name}: ${test.name}: ${reasonOf(test)}`);
}

function excused({ profile, tests }: ProfileResult): string[] {
  return tests
    .filter((test) => outcomeOf(profile, test) === "excused")
    .map(({ name }) => `${profile.name}: ${name}: ${profile.suiteFaults?.[name]}`);
}

/** The assertion that failed, or why the test was skipped. */
export function reasonOf({ lines }: SuiteTest): string {
  const telling = lines.find((line) => /^\d+\. /.test(line)) ?? lines.find((line) => line.includes("[SKIPPED]"));
  return (telling ?? lines.at(-1) ?? "no verdict").replace(/^\[SKIPPED\] /, "");
}

function section(title: string, items: readonly string[]): string {
  const list = items.length === 0 ? "Nothing." : items.map((item) => `- ${item}`).join("\n");
  return `## ${title}\n\n${list}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column < 2 ? "---" : "---:"));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
