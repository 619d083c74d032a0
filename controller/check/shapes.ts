/** What is a record, by its kind, and what a repair makes of one in which a field says what cannot be. */
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { type Kind, SHAPES, type Shape } from "./record-shapes.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A field that said what cannot be, and what it says after a repair; undefined: nothing. */
export interface Mended {
  readonly field: string;
  readonly said: unknown;
  readonly says: unknown;
}
export interface Parsed {
  readonly record: object;
  readonly mended: readonly Mended[];
}

const ajv = new Ajv2020({ allErrors: true, strictTypes: false });
const VALIDATORS = new Map(Object.entries(SHAPES).map(([kind, { schema }]) => [kind, ajv.compile(schema)]));

/** The record in these bytes; undefined where there is none of this kind under this name. */
export function parsedRecord(kind: Kind, name: string, value: Uint8Array): Parsed | undefined {
  const record = parsedJson(value);
  if (record === undefined) return undefined;
  const shape = SHAPES[kind];
  const errors = errorsOf(kind, record);
  const fields = new Set(errors.map(fieldOf));
  if ([...fields].some((field) => shape.spare?.[field] === undefined)) return undefined;
  const mended = [...fields].map((field) => ({
    field,
    said: record[field],
    says: shape.spare?.[field]?.(record),
  }));
  const right = { ...record };
  for (const { field, says } of mended) {
    if (says === undefined) delete right[field];
    else right[field] = says;
  }
  return isOf(shape, name, right) ? { record: right, mended } : undefined;
}

function isOf({ key, only }: Shape, name: string, record: Fields): boolean {
  return (key === undefined || String(record[key]) === name) && (only === undefined || only === name);
}

/** An object; undefined: it is none. */
export function parsedJson(value: Uint8Array): Record<string, unknown> | undefined {
  try {
    const record: unknown = JSON.parse(Buffer.from(value).toString("utf8"));
    return typeof record === "object" && record !== null ? (record as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function errorsOf(kind: Kind, record: Fields): readonly ErrorObject[] {
  const validate = VALIDATORS.get(kind);
  return validate?.(record) === false ? (validate.errors ?? []) : [];
}

/** The field of the record that an error is about; "": the record as a whole. */
function fieldOf({ instancePath, keyword, params }: ErrorObject): string {
  const [, field] = instancePath.split("/");
  return field ?? (keyword === "required" ? String((params as { missingProperty: string }).missingProperty) : "");
}
