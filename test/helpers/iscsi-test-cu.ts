/** libiscsi's conformance suite, run on a URL, with its verdict test by test. */
import { execa } from "execa";

export type Verdict = "passed" | "failed" | "skipped";

export interface SuiteTest {
  /** `FAMILY.TEST`, such as `Read10.BeyondEol`. */
  readonly name: string;
  readonly verdict: Verdict;
  /** What the suite printed about it: the assertions that failed, or why it was skipped. */
  readonly lines: readonly string[];
}

export interface SuiteRun {
  readonly tests: readonly SuiteTest[];
  /** Everything that was printed. */
  readonly output: string;
}

export interface SuiteOptions {
  /** Such as `["ALL"]` or `["ALL.Read10", "ALL.Unmap"]`. */
  readonly families: readonly string[];
  readonly initiator?: string;
  readonly secondInitiator?: string;
  /** Another path to the same logical unit, for the multipath tests. */
  readonly secondUrl?: string;
  readonly timeoutMs?: number;
}

/**
 * `ALL`, each test once, with Sanitize.Reset in sessions of its own: Sanitize.Readonly leaves a unit
 * attention in the session of the first path where there is a second, which the SANITIZE of Reset
 * would get as its answer.
 */
export const ALL_FAMILIES: readonly string[] = [
  "ALL.Sanitize.Reset",
  "ALL.[!S]*",
  "ALL.S[!a]*",
  "ALL.Sanitize.[!R]*",
  "ALL.Sanitize.Rea*",
  "ALL.Sanitize.Reser*",
];

/** The families that a disk of a lab has to pass whole. */
export const REQUIRED_FAMILIES = (
  "Read6 Read10 Read12 Read16 ReadCapacity10 ReadCapacity16 ReadDefectData10 ReadDefectData12 ReadOnly " +
  "Write10 Write12 Write16 Inquiry TestUnitReady Unmap Mandatory GetLBAStatus ModeSense6 " +
  "Verify10 Verify12 Verify16 WriteVerify10 WriteVerify12 WriteVerify16 WriteSame10 WriteSame16 " +
  "ExtendedCopy ReceiveCopyResults ReportSupportedOpcodes StartStopUnit " +
  "iSCSIcmdsn iSCSIdatasn iSCSIResiduals iSCSITMF"
)
  .split(" ")
  .map((family) => `ALL.${family}`);

/** Runs the suite, destroying what is on the disk. @throws Error where the suite itself did not come to its end. */
export async function runIscsiTestCu(url: string, options: SuiteOptions): Promise<SuiteRun> {
  const args = ["--dataloss", "--allow-sanitize", `--test=${options.families.join(",")}`];
  if (options.initiator !== undefined) args.push(`--initiator-name=${options.initiator}`);
  if (options.secondInitiator !== undefined) args.push(`--initiator-name-2=${options.secondInitiator}`);
  const urls = options.secondUrl === undefined ? [url] : [url, options.secondUrl];
  const result = await execa("iscsi-test-cu", [...args, ...urls], {
    all: true,
    reject: false,
    stdin: "ignore",
    timeout: options.timeoutMs ?? 600_000,
  });
  if (!/^Run Summary:/m.test(result.all)) {
    throw new Error(
      `iscsi-test-cu did not come to its end (${result.shortMessage ?? result.exitCode}):\n${result.all}`,
    );
  }
  return { tests: parseSuiteOutput(result.all), output: result.all };
}

/**
 * Reads what CUnit prints in verbose mode: `Suite:` and `Test: NAME ...` lines, then `passed` or
 * `FAILED`. A test that skipped itself passes in CUnit's own count, so that is told by its
 * `[SKIPPED]` line; one that ended without a verdict counts as failed.
 */
export function parseSuiteOutput(output: string): SuiteTest[] {
  const tests: SuiteTest[] = [];
  for (const suite of output.split(/^Suite: /m).slice(1)) {
    const family = suite.slice(0, suite.indexOf("\n")).trim();
    const body = suite.split(/^Run Summary:/m)[0] as string;
    for (const part of body.split(/^ {2}Test: /m).slice(1)) tests.push(parseTest(family, part));
  }
  return tests;
}

function parseTest(family: string, text: string): SuiteTest {
  const split = text.indexOf(" ...");
  const printed = text.slice(split + 4);
  const end = END.exec(printed);
  const lines = printed
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return {
    name: `${family}.${text.slice(0, split)}`,
    verdict: verdictOf(printed.slice(0, end?.index), end?.[1]),
    lines,
  };
}

/** What follows a verdict is printed by the clean-up behind the test, and may say [SKIPPED] or [FAILED] as well. */
const END = /^(passed|FAILED)(?=\s|$)/m;

function verdictOf(printedBefore: string, end: string | undefined): Verdict {
  if (end !== "passed") return "failed";
  return printedBefore.includes("[SKIPPED]") ? "skipped" : "passed";
}
