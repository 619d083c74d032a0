import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import { stepOf } from "sanlab/scenario/read.ts";
import { reportJson, reportJunit, reportText } from "sanlab/scenario/report.ts";
import type { ScenarioReport } from "sanlab/scenario/run.ts";
import { temporaryDirectory } from "../../helpers/state-directory.ts";

const STEPS = [
  stepOf({ clear: "all", name: 'a "name" of <signs> & such' }, 1, 5),
  stepOf({ expect: { consistent: true } }, 2, 6),
];
const steps = STEPS.map((step, index) => ({
  step,
  verdict: index === 0 ? ("passed" as const) : ("failed" as const),
  beganMs: 0,
  tookMs: 1234,
  saw: "table 7 & its <chunks>\nare lost",
  times: 1,
}));
const REPORT: ScenarioReport = {
  scenario: { name: "s", description: "", file: "/s.yaml", lab: null, limitMs: 1, steps: STEPS },
  passed: false,
  labProblem: null,
  steps,
  tookMs: 2000,
  words: [{ log: "host-web", lines: ["[    0.1] \u001b[1mcolour\u001b[0m \u0007 <bell>"] }],
};

test("JUnit XML is XML, whatever names and consoles hold, and counts what failed", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "report.xml");
  await writeFile(file, reportJunit(REPORT));
  const value = async (path: string) => (await execa("xmllint", ["--xpath", path, file])).stdout.trim();
  t.is(await value("string(/testsuites/testsuite/@failures)"), "1");
  t.is(await value("string(/testsuites/testsuite/@tests)"), "3");
  t.is(await value("string(//testcase[2]/@name)"), 'a "name" of <signs> & such');
  t.is(await value("string(//testcase[3]/failure/@message)"), "table 7 & its <chunks>");
  t.regex(await value("string(//system-out)"), /== host-web.*colour/s);
  await writeFile(file, reportJunit({ ...REPORT, labProblem: "agent 'a' did not come up" }));
  t.is(await value("string(/testsuites/testsuite/@errors)"), "1");
  t.is(await value("string(//testcase[1]/error/@message)"), "agent 'a' did not come up");
});

test("the report for people says which line failed and what was seen, and ends with the logs", (t) => {
  const text = reportText(REPORT);
  t.regex(text, /^FAILED: scenario 's'/);
  t.regex(text, /line 6: table 7 & its <chunks>/);
  t.regex(text, /The end of the log host-web:\n {2}\[/);
  t.deepEqual(
    reportJson(REPORT).steps.map(({ verdict, line }) => [verdict, line]),
    [
      ["passed", 5],
      ["failed", 6],
    ],
  );
});
