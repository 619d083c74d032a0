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
  beganAtMs: Date.UTC(2026, 10, 26, 11, 30),
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
  t.is(await value("string(//testcase[3]/failure/@message)"), "line 6: table 7 & its <chunks>");
  t.regex(await value("string(//system-out)"), /== host-web.*colour/s);
  await writeFile(file, reportJunit({ ...REPORT, labProblem: "agent 'a' did not come up" }));
  t.is(await value("string(/testsuites/testsuite/@errors)"), "1");
  t.is(await value("string(//testcase[1]/error/@message)"), "agent 'a' did not come up");
});

/** What the schemas of Ant's and of Jenkins' reports agree on: no more attributes and elements than these, in this order. */
test("JUnit XML has what its readers require, and nothing that they do not know", async (t) => {
  const file = join(await temporaryDirectory(t), "report.xml");
  await writeFile(file, reportJunit(REPORT));
  const names = async (path: string) => {
    const { stdout } = await execa("xmllint", ["--xpath", path, file]);
    return stdout.split("\n").map((line) => /^ *([a-z]+)=/.exec(line)?.[1] ?? line);
  };
  const suite = ["name", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time", "package", "id"];
  t.deepEqual(await names("/testsuites/testsuite/@*"), suite);
  for (const at of [1, 2, 3]) t.deepEqual(await names(`//testcase[${at}]/@*`), ["classname", "name", "time"]);
  t.deepEqual(await names("//failure/@*"), ["type", "message"]);
  const value = async (path: string) => (await execa("xmllint", ["--xpath", path, file])).stdout;
  t.is(await value("string(//testsuite/@timestamp)"), "2026-11-26T11:30:00");
  t.is(await value("name(//testsuite/*[1])"), "properties");
  t.is(await value("name(//testsuite/*[last() - 1])"), "system-out");
  t.is(await value("name(//testsuite/*[last()])"), "system-err");
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
