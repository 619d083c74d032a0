/** The document on conformance counts each test as what it was. */
import test from "ava";
import type { Profile } from "../conformance/profiles.ts";
import { conformanceDocument } from "../conformance/report.ts";
import type { SuiteTest, Verdict } from "../helpers/iscsi-test-cu.ts";

function profile(name: string, fields: Partial<Profile> = {}): Profile {
  return {
    name,
    what: `the ${name} one`,
    ours: true,
    start: () => Promise.reject(new Error("is not started")),
    ...fields,
  };
}

function suiteTest(name: string, verdict: Verdict, line: string): SuiteTest {
  return { name, verdict, lines: [line] };
}

const REFUSED =
  "[FAILED] WRITE10 command failed with status 2 / sense key DATA PROTECTION(0x07) / ASCQ WRITE_PROTECTED(0x2700)";
const OTHERWISE =
  "[FAILED] CAW failed with wrong sense. Should have failed with MISCOMPARE(0x0e)/(0x1d00) but failed with Sense: (null)(0x07)/(0x2700)";

test("the document tells what failed, and what no profile of ours ran", (t) => {
  const document = conformanceDocument([
    {
      profile: profile("first"),
      tests: [
        suiteTest("Read.Simple", "failed", "1. read.c:1 - wrong"),
        suiteTest("Read.Odd", "failed", REFUSED),
        suiteTest("Read.Rare", "skipped", "[SKIPPED] too rare"),
        suiteTest("Read.Late", "skipped", "[SKIPPED] too late"),
      ],
    },
    { profile: profile("second"), tests: [suiteTest("Read.Late", "passed", "passed")] },
    { profile: profile("other", { ours: false }), tests: [suiteTest("Read.Rare", "failed", "1. rare.c:1 - wrong")] },
  ]);
  t.true(document.includes("| first | the first one | 4 | 0 | 2 | 0 | 2 |"));
  t.true(document.includes("| other | the other one | 1 | 0 | 1 | 0 | 0 |"));
  t.true(document.includes("Of 4 tests, 3 ran unskipped"));
  t.true(document.includes("- first: Read.Simple: 1. read.c:1 - wrong"));
  t.true(document.includes("- first: Read.Odd: "), "only a write-protected disk may refuse writes");
  t.true(document.includes("- Read.Rare: too rare"));
  t.false(document.includes("rare.c"), "tgt's failures are not ours");
});

test("a write-protected disk refuses where the first complaint is of WRITE PROTECTED; all else has failed", (t) => {
  const tests = [
    suiteTest("Write.Simple", "failed", REFUSED),
    suiteTest("Swap.Simple", "failed", OTHERWISE),
    suiteTest("Write.Async", "failed", "1. async.c:1 - wrong"),
    { ...suiteTest("Read.Simple", "failed", ""), lines: ["[FAILED] READ10 command failed with status 2", REFUSED] },
  ];
  const document = conformanceDocument([
    { profile: profile("protected", { writeProtected: true }), tests },
    { profile: profile("writable"), tests: [suiteTest("Write.Simple", "passed", "passed")] },
  ]);
  t.true(document.includes("| protected | the protected one | 4 | 0 | 2 | 2 | 0 |"));
  t.true(document.includes("- Write.Simple\n- Swap.Simple\n"));
  t.true(document.includes("Each of them, but Swap.Simple, passes in another profile."));
  t.true(document.includes("- protected: Read.Simple: "));
  t.true(document.includes("- protected: Write.Async: 1. async.c:1 - wrong"));
});
