/** docs/conformance.md: what the suite said, profile by profile. */
import type { SuiteTest } from "../helpers/iscsi-test-cu.ts";
import type { Profile } from "./profiles.ts";

export interface ProfileResult {
  readonly profile: Profile;
  readonly tests: readonly SuiteTest[];
}

/** In the order of the tables. `refused`: by a write-protected disk, which is what the test did not expect. */
export const outcomes = ["passed", "failed", "refused", "skipped"] as const;
export type Outcome = (typeof outcomes)[number];

/** How the suite prints DATA PROTECT, WRITE PROTECTED: where a command failed, and where it did so otherwise than expected. */
const WRITE_PROTECTED = /WRITE_PROTECTED\(0x2700\)|\(0x07\)\/\(0x2700\)/;

/** Tests that write, too, and do not print what refused it. */
const SILENT: ReadonlyMap<string, string> = new Map([
  ["Write10.Async", "its writes wait for no answer, of which it then only looks at the status"],
  ["iSCSITMF.AbortTaskSimpleAsync", "it aborts writes, and wants those to succeed that it did not abort"],
  ["ExtendedCopy.ValidTgtDescr", "the disk is the destination of its copy: COPY TARGET DEVICE NOT REACHABLE"],
  ["ReceiveCopyResults.CopyStatus", "the disk is the destination of its copy: COPY TARGET DEVICE NOT REACHABLE"],
  ["Sanitize.Reset", "it waits for a SANITIZE, whose answer it does not look at"],
]);

export function outcomeOf({ writeProtected }: Profile, test: SuiteTest): Outcome {
  if (test.verdict !== "failed" || !writeProtected) return test.verdict;
  const first = test.lines.find((line) => line.includes("[FAILED]"));
  return SILENT.has(test.name) || (first !== undefined && WRITE_PROTECTED.test(first)) ? "refused" : "failed";
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
each profile, each with a second path. A test that skips itself, because the disk is not of the kind it is for, counts
as skipped and not as passed. Sanitize.Reset has sessions of its own: Sanitize.Readonly leaves a unit attention on the
first of two paths, which the SANITIZE of Reset would get as its answer. tgt is there to compare with.

${table(["profile", "", "run", ...outcomes], results.map(row))}

Of ${known} tests, ${known - never.length} ran unskipped in at least one profile of ours.

${section("Failed in a profile of ours", ours.flatMap(failures))}
${refusals(ours)}
${section("Skipped in every profile of ours", never)}`;
}

/** What no disk could pass: the suite wants the same command to fail, and to succeed. */
function refusals(ours: readonly ProfileResult[]): string {
  const refused = ours.flatMap((result) => named(result, "refused"));
  const elsewhere = new Set(ours.flatMap((result) => named(result, "passed")));
  const nowhere = refused.filter((name) => !elsewhere.has(name));
  const passed = nowhere.length === 0 ? "Each of them" : `Each of them, but ${nowhere.join(", ")},`;
  return `## Refused by the write-protected disk

These tests want a write to succeed, whatever disk they are run on: the suite knows which disk is write protected, and
asks only in ReadOnly.ReadOnlySBC, which passes, since it wants the same commands to fail with WRITE PROTECTED. So no
disk can pass all of them. A test counts as refused, and not as failed, where the first command that it complains of
was answered with DATA PROTECT, WRITE PROTECTED. ${passed} passes in another profile.

${refused.length === 0 ? "None." : refused.map((name) => `- ${name}${silent(name)}`).join("\n")}
`;
}

function named(result: ProfileResult, outcome: Outcome): string[] {
  return result.tests.filter((test) => outcomeOf(result.profile, test) === outcome).map(({ name }) => name);
}

function silent(name: string): string {
  const how = SILENT.get(name);
  return how === undefined ? "" : ` (prints no sense: ${how})`;
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
