/** The verdicts of libiscsi's suite are read as they are meant, skips not as passes. */
import test from "ava";
import { parseSuiteOutput } from "../helpers/iscsi-test-cu.ts";

const OUTPUT = `
     CUnit - A unit testing framework for C - Version 2.1-3

Suite: Read10
  Test: Simple ...passed
  Test: BeyondEol ...FAILED
    1. test_read10_beyond_eol.c:42  - CU_ASSERT_EQUAL(ret,0)
Suite: Unmap
  Test: VPD ...    [SKIPPED] UNMAP is not implemented.
passed
  Test: Residuals ...passed    [FAILED] PRIN command: failed with sense.
  Test: ZeroBlocks ...passed    [SKIPPED] PERSISTENT RESERVE IN is not implemented.
  Test: Simple ...
Run Summary:    Type  Total    Ran Passed Failed Inactive
               tests      5      5      4      1        0
`;

test("a test passes, fails, or skips itself; one without a verdict fails", (t) => {
  const verdicts = parseSuiteOutput(OUTPUT).map(({ name, verdict }) => [name, verdict]);
  t.deepEqual(verdicts, [
    ["Read10.Simple", "passed"],
    ["Read10.BeyondEol", "failed"],
    ["Unmap.VPD", "skipped"],
    ["Unmap.Residuals", "passed"],
    ["Unmap.ZeroBlocks", "passed"],
    ["Unmap.Simple", "failed"],
  ]);
});

test("what failed comes with its assertion", (t) => {
  t.deepEqual(parseSuiteOutput(OUTPUT)[1]?.lines, [
    "FAILED",
    "1. test_read10_beyond_eol.c:42  - CU_ASSERT_EQUAL(ret,0)",
  ]);
});
