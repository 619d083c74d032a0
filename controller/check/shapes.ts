/** What a record must have to be one, by its kind: fields that the controller cannot do without. */
import type { AllRecords } from "../records.ts";

/** A list: one of these words. */
type FieldType = "string" | "number" | "array" | "object" | "boolean" | readonly string[];
/** By field, or by a path of fields. */
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
      kind: ["disk", "snapshot", "clone"],
      readOnly: "boolean",
      sizeBytes: "number",
      pool: "string",
      naa: "string",
      serial: "string",
      operation: ["none", "creating", "deleting"],
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
  operations: {
    key: "id",
    fields: {
      id: "string",
      "task.kind": ["migrate", "evacuate", "rebalance"],
      "task.pool": "string",
      state: ["running", "done", "cancelled", "failed"],
      stayed: "array",
    },
  },
  agents: {
    key: "name",
    fields: { name: "string", portal: "object", relativePortId: "number", incarnation: "number", tables: "array" },
  },
  hosts: { key: "name", fields: { name: "string", iqn: "string" } },
  exports: { fields: { host: "string", disk: "string", lun: "number" } },
  zones: { key: "name", fields: { name: "string", hosts: "array", agents: "array", disks: "array" } },
  units: {
    fields: {
      revision: "number",
      "reservations.generation": "number",
      "reservations.registrations": "array",
      mode: "object",
      access: "array",
      latest: "array",
      answered: "object",
    },
  },
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
  if (!Object.entries(shape.fields).every(([path, type]) => isType(valueAt(fields, path), type))) return undefined;
  if (shape.key !== undefined && String(fields[shape.key]) !== name) return undefined;
  return fields;
}

function valueAt(fields: unknown, path: string): unknown {
  const fieldOf = (at: unknown, field: string) =>
    isType(at, "object") ? (at as Readonly<Record<string, unknown>>)[field] : undefined;
  return path.split(".").reduce(fieldOf, fields);
}

function isType(value: unknown, type: FieldType): boolean {
  if (typeof type === "object") return typeof value === "string" && type.includes(value);
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  if (type === "number") return Number.isSafeInteger(value) && (value as number) >= 0;
  return typeof value === type;
}
