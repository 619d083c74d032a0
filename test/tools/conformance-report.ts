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

test("the document tells what failed, what the suite is to blame for, and what no profile of ours ran", (t) => {
  const document = conformanceDocument([
    {
      profile: profile("first", { suiteFaults: { "Read.Odd": "it counts wrongly" } }),
      tests: [
        suiteTest("Read.Simple", "failed", "1. read.c:1 - wrong"),
        suiteTest("Read.Odd", "failed", "1. read.c:2 - odd"),
        suiteTest("Read.Rare", "skipped", "[SKIPPED] too rare"),
        suiteTest("Read.Late", "skipped", "[SKIPPED] too late"),
      ],
    },
    { profile: profile("second"), tests: [suiteTest("Read.Late", "passed", "passed")] },
    { profile: profile("other", { ours: false }), tests: [suiteTest("Read.Rare", "failed", "1. rare.c:1 - wrong")] },
  ]);
  t.true(document.includes("| first | the first one | 4 | 0 | 1 | 1 | 2 |"));
  t.true(document.includes("| other | the other one | 1 | 0 | 1 | 0 | 0 |"));
  t.true(document.includes("Of 4 tests, 3 ran unskipped"));
  t.true(document.includes("- first: Read.Simple: 1. read.c:1 - wrong"));
  t.true(document.includes("- first: Read.Odd: it counts wrongly"));
  t.true(document.includes("- Read.Rare: too rare"));
  t.false(document.includes("rare.c"), "tgt's failures are not ours");
});
