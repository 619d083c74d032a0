/** What a record must have to be one, by its kind: fields that the controller cannot do without. */
import type { AllRecords } from "../records.ts";

type FieldType = "string" | "number" | "array" | "object" | "boolean";
type Shape = Readonly<Record<string, FieldType>>;
export type Kind = Exclude<keyof AllRecords, "load">;

/** A kind without a row may be any object. `key`: the field that repeats the record's key. */
const SHAPES: Partial<Record<Kind, { readonly key?: string; readonly fields: Shape }>> = {
  lab: { fields: { name: "string", cluster: "string", epoch: "number", nextNumber: "number" } },
  pools: { key: "name", fields: { name: "string", segmentBytes: "number", queueWhenFullMs: "number" } },
  devices: {
    key: "device",
    fields: {
      device: "number",
      uuid: "string",
      path: "string",
      pool: "string",
      sizeBytes: "number",
      segments: "number",
    },
  },
  disks: {
    key: "name",
    fields: {
      name: "string",
      table: "string",
      family: "string",
      kind: "string",
      readOnly: "boolean",
      sizeBytes: "number",
      pool: "string",
      naa: "string",
      serial: "string",
      operation: "string",
    },
  },
  views: {
    fields: {
      name: "string",
      disk: "string",
      id: "string",
      ranges: "array",
      sizeBytes: "number",
      naa: "string",
      serial: "string",
    },
  },
  usage: { key: "table", fields: { table: "string", mapped: "number", own: "number" } },
  reserves: { key: "pool", fields: { pool: "string", runs: "array" } },
  releases: { key: "id", fields: { id: "string", runs: "array", tables: "array" } },
  copies: { key: "family", fields: { family: "string", copies: "array" } },
  ahead: { key: "family", fields: { family: "string", ranges: "array" } },
  operations: { key: "id", fields: { id: "string", task: "object", state: "string", stayed: "array" } },
  agents: {
    key: "name",
    fields: { name: "string", portal: "object", relativePortId: "number", incarnation: "number", tables: "array" },
  },
  hosts: { key: "name", fields: { name: "string", iqn: "string" } },
  exports: { fields: { host: "string", disk: "string", lun: "number" } },
  zones: { key: "name", fields: { name: "string", hosts: "array", agents: "array", disks: "array" } },
  injections: { fields: {} },
};

/** The record in these bytes; undefined where there is none of this kind under this name. */
export function parsedRecord(kind: Kind, name: string, value: Uint8Array): object | undefined {
  let record: unknown;
  try {
    record = JSON.parse(Buffer.from(value).toString("utf8"));
  } catch {
    return undefined;
  }
  if (!isType(record, "object")) return undefined;
  const fields = record as Readonly<Record<string, unknown>>;
  const shape = SHAPES[kind];
  if (shape === undefined) return fields;
  if (!Object.entries(shape.fields).every(([field, type]) => isType(fields[field], type))) return undefined;
  if (shape.key !== undefined && String(fields[shape.key]) !== name) return undefined;
  return fields;
}

function isType(value: unknown, type: FieldType): boolean {
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  if (type === "number") return Number.isSafeInteger(value) && (value as number) >= 0;
  return typeof value === type;
}
