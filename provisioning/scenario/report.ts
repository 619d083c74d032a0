/** What a scenario's run is told as: for people, for programs, and as JUnit XML (pure). */
import type { ScenarioReport } from "./run.ts";
import type { StepReport } from "./timeline.ts";

const MARKS: { readonly [V in StepReport["verdict"]]: string } = { passed: "ok", failed: "FAILED", skipped: "-" };

export function reportText(report: ScenarioReport): string {
  const { scenario, passed, labProblem, steps, words } = report;
  const verdict = passed ? "passed" : "FAILED";
  const lines = [
    `${verdict}: scenario '${scenario.name}' in ${seconds(report.tookMs)}`,
    ...(labProblem === null ? [] : [`  The lab did not come up: ${indented(labProblem)}`]),
    ...steps.flatMap(stepLines),
    ...words.flatMap(({ log, lines }) => ["", `The end of the log ${log}:`, ...lines.map((line) => `  ${line}`)]),
  ];
  return lines.join("\n");
}

function stepLines({ step, verdict, beganMs, tookMs, saw, times }: StepReport): string[] {
  if (verdict === "skipped") return [`  ${MARKS.skipped.padEnd(7)}          ${step.name}`];
  const count = step.every === null ? "" : ` (${times} times)`;
  const line = `  ${MARKS[verdict].padEnd(7)}${seconds(beganMs).padStart(8)}  ${step.name}${count}, ${seconds(tookMs)}`;
  return verdict === "passed" ? [line] : [line, `          line ${step.line}: ${indented(saw)}`];
}

export function reportJson({ scenario, passed, labProblem, steps, tookMs, words }: ScenarioReport) {
  return {
    scenario: scenario.name,
    file: scenario.file,
    passed,
    labProblem,
    tookMs: Math.round(tookMs),
    steps: steps.map(({ step, verdict, beganMs, tookMs: stepMs, saw, times }) => ({
      name: step.name,
      line: step.line,
      does: step.does.kind,
      verdict,
      beganMs,
      tookMs: stepMs,
      times,
      saw,
    })),
    logs: words,
  };
}

/**
 * The format that CI systems read: a suite for the scenario, a case for each step. It has no standard; this is what the
 * schemas of Ant's and of Jenkins' reports both take.
 */
export function reportJunit({ scenario, passed, labProblem, steps, beganAtMs, tookMs, words }: ScenarioReport): string {
  const count = (verdict: StepReport["verdict"]) => steps.filter((step) => step.verdict === verdict).length;
  const suite = {
    name: scenario.name,
    // In UTC, without a zone: the schema takes none.
    timestamp: new Date(beganAtMs).toISOString().slice(0, 19),
    hostname: "localhost",
    tests: steps.length + 1,
    failures: count("failed"),
    errors: labProblem === null ? 0 : 1,
    skipped: count("skipped"),
    time: inSeconds(tookMs),
    package: "sanlab",
    id: 0,
  };
  const lab = { classname: scenario.name, name: "the lab is up", time: inSeconds(0) };
  const output = words.map(({ log, lines }) => [`== ${log}`, ...lines].join("\n")).join("\n");
  const lines = [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<testsuites>`,
    `  <testsuite${attributes(suite)}>`,
    `    <properties/>`,
    labProblem === null ? `    <testcase${attributes(lab)}/>` : caseWith(lab, "error", labProblem),
    ...steps.map((step) => junitCase(scenario.name, step)),
    `    <system-out>${passed ? "" : escaped(output)}</system-out>`,
    `    <system-err/>`,
    `  </testsuite>`,
    `</testsuites>`,
  ];
  return `${lines.join("\n")}\n`;
}

function junitCase(scenario: string, { step, verdict, tookMs, saw }: StepReport): string {
  const own = { classname: scenario, name: step.name, time: inSeconds(tookMs) };
  if (verdict === "failed") return caseWith(own, "failure", `line ${step.line}: ${saw}`);
  return verdict === "passed"
    ? `    <testcase${attributes(own)}/>`
    : `    <testcase${attributes(own)}><skipped/></testcase>`;
}

function caseWith(own: Readonly<Record<string, string | number>>, type: "failure" | "error", message: string): string {
  const first = message.split("\n", 1)[0] ?? "";
  return `    <testcase${attributes(own)}><${type}${attributes({ type, message: first })}>${escaped(message)}</${type}></testcase>`;
}

function inSeconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
    .join("");
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Characters that XML 1.0 cannot hold at all (2.2): consoles print such. */
const IMPOSSIBLE = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

function escaped(text: string): string {
  return text.replaceAll(IMPOSSIBLE, "").replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? "");
}

function indented(text: string): string {
  return text.replaceAll("\n", "\n            ");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
