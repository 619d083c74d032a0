/** A scenario file, or a lab file with a timeline: read, and refused as a whole where anything in it is wrong. */
import { dirname, isAbsolute, resolve } from "node:path";
import { duration } from "node-iscsi-target/injection/values.ts";
import { LabDocument, type Path, pathText } from "../lab/document.ts";
import { Draft } from "../lab/draft.ts";
import { type LabNames, namesOf } from "../lab/fault-rule.ts";
import { distinct, LabFileError, parseLab, readLabFile } from "../lab/load.ts";
import type { LabProblem } from "../lab/problem.ts";
import { schemaProblems } from "../lab/schema-check.ts";
import { UserError } from "../user-error.ts";
import type { RawScenario, RawStep } from "./raw.ts";
import { stepOf } from "./read.ts";
import { type CheckVerb, checkTimeline } from "./rules.ts";
import { DEFAULT_LIMIT_MS, type Scenario } from "./scenario.ts";
import { checkSequence } from "./sequence-rules.ts";

export interface LoadOptions {
  readonly checkVerb: CheckVerb;
  /** The names of the lab that runs, for a scenario that names no lab file. */
  readonly runningNames: () => Promise<LabNames>;
}

/** @throws {LabFileError} with every error in it. */
export async function loadScenario(file: string, options: LoadOptions): Promise<Scenario> {
  const text = await readLabFile(file);
  const document = new LabDocument(text);
  const isLab = typeof document.value === "object" && document.value !== null && !("scenario" in document.value);
  if (isLab) parseLab(text, file);
  const raw = isLab ? timelineOfLab(document, file) : checkedShape(document, file);
  const lab = raw.lab === undefined ? null : isAbsolute(raw.lab) ? raw.lab : resolve(dirname(file), raw.lab);
  const names = lab === null ? await options.runningNames() : await namesIn(lab, document, file);
  const limitMs = raw.limit === undefined ? DEFAULT_LIMIT_MS : (duration(raw.limit) ?? 0);
  const problems = await problemsOf(document, { ...raw, limitMs }, names, options.checkVerb);
  if (problems.length > 0) throw new LabFileError(file, distinct(problems), "scenario file");
  return {
    name: raw.scenario,
    description: raw.description ?? "",
    file: resolve(file),
    lab,
    limitMs,
    steps: raw.timeline.map((step, index) => stepOf(step, index + 1, document.lineOf(["timeline", index]))),
  };
}

function checkedShape(document: LabDocument, file: string): RawScenario {
  const problems = [
    ...document.problems,
    ...(document.value === undefined ? [] : schemaProblems(document, "scenario")),
  ];
  if (problems.length > 0) throw new LabFileError(file, distinct(problems), "scenario file");
  return document.value as RawScenario;
}

/** The lab file is right as such already; its own names are those of its timeline. */
function timelineOfLab({ value }: LabDocument, file: string): RawScenario {
  const { lab, timeline } = value as { lab: string; timeline?: readonly RawStep[] };
  if (timeline === undefined) {
    const missing = {
      line: 1,
      at: "",
      found: "a lab file without a timeline",
      expected: "the key 'timeline' or 'scenario'",
    };
    throw new LabFileError(file, [missing]);
  }
  return { scenario: lab, lab: resolve(file), timeline };
}

/** `file` is the scenario's, with the line that names the lab file. */
async function namesIn(lab: string, document: LabDocument, file: string): Promise<LabNames> {
  const text = await readLabFile(lab).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    const [line, expected] = [document.lineOf(["lab"]), `a lab file (${error.message})`];
    throw new LabFileError(file, [{ line, at: "lab", found: `'${lab}'`, expected }], "scenario file");
  });
  parseLab(text, lab);
  return namesOf(new Draft(new LabDocument(text).value, dirname(resolve(lab))));
}

async function problemsOf(
  document: LabDocument,
  { timeline, limitMs }: { readonly timeline: readonly RawStep[]; readonly limitMs: number },
  names: LabNames,
  checkVerb: CheckVerb,
): Promise<LabProblem[]> {
  const problems: LabProblem[] = [];
  const report = (path: Path, found: string, expected: string) => {
    problems.push({ line: document.lineOf(path), at: pathText(path), found, expected });
  };
  if (limitMs === 0) report(["limit"], "no time at all", "a time above 0");
  await checkTimeline(timeline, ["timeline"], names, checkVerb, report);
  checkSequence(timeline, ["timeline"], names, limitMs === 0 ? Number.POSITIVE_INFINITY : limitMs, report);
  return problems;
}
