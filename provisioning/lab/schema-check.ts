import { readFileSync } from "node:fs";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { type LabDocument, type Path, pathText } from "./document.ts";
import { type LabProblem, shown } from "./problem.ts";
import { didYouMean } from "./suggestion.ts";

/** Where the published schemas lie: `provisioning/lab.schema.json` and the other. */
const SCHEMA_FILES = {
  lab: new URL("../lab.schema.json", import.meta.url),
  scenario: new URL("../scenario.schema.json", import.meta.url),
} as const;
export type SchemaName = keyof typeof SCHEMA_FILES;

const ajv = new Ajv2020({ allErrors: true, verbose: true, strict: true, strictTypes: false });
for (const [name, file] of Object.entries(SCHEMA_FILES)) {
  ajv.addSchema(JSON.parse(readFileSync(file, "utf8")) as object, name);
}

/** Everything in which the file differs from its schema, each with its line. */
export function schemaProblems(document: LabDocument, schema: SchemaName = "lab"): LabProblem[] {
  const validate = ajv.getSchema(schema);
  if (validate === undefined) throw new Error(`there is no schema '${schema}'`);
  if (validate(document.value) === true) return [];
  return (validate.errors ?? []).flatMap((error) => problemOf(document, error) ?? []);
}

/** How an error of each keyword is told; keywords that only repeat another error are left out. */
const TELLERS: Readonly<
  Record<string, (document: LabDocument, error: ErrorObject, path: Path) => LabProblem | undefined>
> = {
  additionalProperties: (document, error, path) => {
    const key = String(error.params.additionalProperty);
    const known = Object.keys(schemaOf(error).properties ?? {});
    return {
      line: document.lineOfKey([...path, key]),
      at: pathText([...path, key]),
      found: `the unknown key '${key}'`,
      expected: `one of ${known.join(", ")}${didYouMean(key, known)}`,
    };
  },
  required: (document, error, path) => ({
    line: document.lineOf(path),
    at: pathText(path),
    found: `no key '${error.params.missingProperty}'`,
    expected: schemaOf(error).description ?? `the key '${error.params.missingProperty}'`,
  }),
  propertyNames: () => undefined,
  uniqueItems: (document, error, path) => {
    const item = (error.data as readonly unknown[])[Number(error.params.i)];
    const place = [...path, Math.max(Number(error.params.i), Number(error.params.j))];
    return {
      line: document.lineOf(place),
      at: pathText(place),
      found: `${shown(item)} a second time`,
      expected: "every name once",
    };
  },
};

function problemOf(document: LabDocument, error: ErrorObject): LabProblem | undefined {
  const path = pathOf(error.instancePath);
  const teller = TELLERS[error.keyword];
  if (teller !== undefined) return teller(document, error, path);
  const expected = schemaOf(error).description ?? error.message ?? "something else";
  if (error.propertyName !== undefined) {
    const place = [...path, error.propertyName];
    return { line: document.lineOfKey(place), at: pathText(place), found: shown(error.propertyName), expected };
  }
  return { line: document.lineOf(path), at: pathText(path), found: shown(error.data), expected };
}

interface DescribedSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

function schemaOf(error: ErrorObject): DescribedSchema {
  return (error.parentSchema ?? {}) as DescribedSchema;
}

/** A JSON pointer's steps (RFC 6901); list indices stay text, which the document takes as well. */
function pathOf(pointer: string): Path {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((step) => (/^[0-9]+$/.test(step) ? Number(step) : step));
}
