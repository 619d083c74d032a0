/**
 * What records must say, by their kind, as JSON Schemas; and which fields a repair puts in the place of one that says
 * what cannot be. A record that says too little without such a field is none.
 */
import { MAX_DEVICE_NUMBER, MAX_DEVICE_SEGMENT } from "node-iscsi-target/mapping/entry.ts";
import type { AllRecords } from "../records.ts";

export type Kind = Exclude<keyof AllRecords, "load">;
type Fields = Readonly<Record<string, unknown>>;

export interface Shape {
  /** The field that repeats the record's key; or the only key that there may be. */
  readonly key?: string;
  readonly only?: string;
  readonly schema: object;
  /** What takes the place of a field, out of the record; undefined: nothing, it is left out. */
  readonly spare?: Readonly<Record<string, (record: Fields) => unknown>>;
}

const text = { type: "string", minLength: 1 };
const digits = (count: number) => ({ type: "string", pattern: `^[0-9a-f]{${count}}$` });
const table = { type: "string", pattern: "^t[0-9]+$" };
const flag = { type: "boolean" };
const integer = (minimum: number, maximum = Number.MAX_SAFE_INTEGER) => ({ type: "integer", minimum, maximum });
const number = integer(0);
const count = integer(1);
const segment = integer(0, MAX_DEVICE_SEGMENT);
const deviceNumber = integer(1, MAX_DEVICE_NUMBER);
const list = (items: object, minItems = 0) => ({ type: "array", items, minItems });
const tuple = (...prefixItems: object[]) => ({
  type: "array",
  prefixItems,
  items: false,
  minItems: prefixItems.length,
});
const nullable = (schema: object) => ({ anyOf: [schema, { type: "null" }] });
const object = (required: Record<string, object>, optional: Record<string, object> = {}) => ({
  type: "object",
  properties: { ...required, ...optional },
  required: Object.keys(required),
});
const mapOf = (values: object) => ({ type: "object", additionalProperties: values });

const port = integer(0, 65_535);
const portId = integer(1, 65_535);
const portName = object({ initiatorPort: text, relativePortId: portId });
const nexus = object({ agent: text, incarnation: number, nexus: number });
const address = object({ host: text, port });
const locationRuns = { type: "array" };
const zoneMembers = { hosts: list(text), agents: list(text), disks: list(text) };
const effects = {
  notices: list(
    object({ to: { anyOf: [{ enum: ["all", "others"] }, portName] }, asc: integer(0, 255), ascq: integer(0, 255) }),
  ),
  ends: { anyOf: [{ enum: ["reset", "clear", null] }, list(portName)] },
};
const asker = object({ agent: text, incarnation: number, request: number });

const nothing = () => undefined;
const always = (value: unknown) => () => value;
const EPOCH = always(new Date(0).toISOString());
const only = (isRight: (item: unknown) => boolean, field: string) => (record: Fields) => {
  const all = record[field];
  return Array.isArray(all) ? (all as unknown[]).filter(isRight) : [];
};
const isText = (item: unknown) => typeof item === "string" && item !== "";
const isTable = (item: unknown) => typeof item === "string" && /^t[0-9]+$/.test(item);
const texts = (field: string) => only(isText, field);
/** A disk that comes from none is the first of its family. */
const origin = (record: Fields) => (record.table === record.family ? null : record.family);

const createdAt = { type: "string", pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$" };

export const SHAPES: Readonly<Record<Kind, Shape>> = {
  lab: {
    only: "lab",
    schema: object(
      { name: text, cluster: { type: "string", pattern: "^[0-9a-f]{8}-" }, epoch: number, nextNumber: number },
      { lastDevice: integer(0, MAX_DEVICE_NUMBER), power: text },
    ),
    spare: { lastDevice: nothing, power: nothing },
  },
  pools: {
    key: "name",
    schema: object({ name: text, segmentBytes: count, queueWhenFullMs: number }),
    spare: { queueWhenFullMs: always(0) },
  },
  devices: {
    key: "device",
    schema: object(
      { device: deviceNumber, uuid: text, path: text, pool: text, sizeBytes: count, segments: count, created: flag },
      { closed: flag, removed: flag, leaving: { enum: ["failing", "syncing"] }, openings: number },
    ),
    spare: {
      // Where a link to the device can be put.
      path: ({ device }) => `/lost-device-${String(device)}`,
      created: always(false),
      closed: nothing,
      removed: nothing,
      leaving: nothing,
      openings: nothing,
    },
  },
  unsynced: { key: "device", schema: object({ device: deviceNumber }) },
  disks: {
    key: "name",
    schema: object(
      {
        name: text,
        table,
        family: table,
        origin: nullable(table),
        kind: { enum: ["disk", "snapshot", "clone"] },
        readOnly: flag,
        createdAt,
        sizeBytes: number,
        pool: text,
        thick: flag,
        naa: { type: "string" },
        serial: { type: "string" },
        operation: { enum: ["none", "creating", "deleting"] },
      },
      { from: text },
    ),
    spare: {
      origin,
      createdAt: EPOCH,
      thick: always(false),
      from: nothing,
      kind: (record) => (origin(record) === null ? "disk" : "clone"),
      readOnly: ({ kind }) => kind === "snapshot",
      naa: always(""),
      serial: always(""),
    },
  },
  views: {
    schema: object({
      name: text,
      disk: text,
      id: table,
      ranges: list(tuple(number, count), 1),
      sizeBytes: count,
      naa: { type: "string" },
      serial: { type: "string" },
      createdAt,
    }),
    spare: { createdAt: EPOCH, naa: always(""), serial: always("") },
  },
  usage: { key: "table", schema: object({ table, mapped: number, own: number }) },
  reserves: { key: "pool", schema: object({ pool: text, runs: locationRuns }) },
  releases: {
    key: "id",
    schema: object({ id: text, runs: locationRuns, tables: list(table) }),
    spare: { tables: only(isTable, "tables") },
  },
  copies: {
    key: "family",
    schema: object({ family: table, copies: list(object({ table, segment: number, others: list(table, 1) }), 1) }),
  },
  ahead: { key: "family", schema: object({ family: table, ranges: list(tuple(table, number, count), 1) }) },
  operations: {
    key: "id",
    schema: object({
      id: { type: "string", pattern: "^[0-9]+$" },
      task: {
        oneOf: [
          object({ kind: { const: "migrate" }, disk: text, family: table, pool: text }),
          object({ kind: { const: "evacuate" }, device: deviceNumber, pool: text }),
          object({ kind: { const: "rebalance" }, pool: text }),
        ],
      },
      state: { enum: ["running", "done", "cancelled", "failed"] },
      createdAt,
      total: number,
      moved: { type: "integer" },
      stayed: list(
        object({ disks: list(text), segment: number, at: object({ device: deviceNumber, segment }), reason: text }),
      ),
      rate: nullable(count),
      problem: nullable(text),
    }),
    spare: {
      createdAt: EPOCH,
      total: always(0),
      moved: always(0),
      stayed: always([]),
      rate: always(null),
      problem: always(null),
    },
  },
  agents: {
    key: "name",
    schema: object(
      {
        name: text,
        portal: address,
        advertise: nullable(object({ host: text }, { port })),
        sticky: nullable(port),
        relativePortId: portId,
        incarnation: number,
        process: nullable(
          object({ pid: count, startTime: number, lockFile: { type: "string" } }, { leased: { const: true } }),
        ),
        tables: list(table),
      },
      {
        chap: object({ user: text, secretFile: text }),
        remote: object({ leaseMs: count }, { tokenHash: digits(64) }),
        ended: { const: true },
      },
    ),
    spare: {
      advertise: always(null),
      sticky: always(null),
      // One that it surely has not, so that it gets another.
      relativePortId: always(0),
      ended: nothing,
      tables: only(isTable, "tables"),
    },
  },
  remote: { only: "lab", schema: object({ host: text, port, names: list(text, 1) }) },
  sharing: { only: "lab", schema: object({ direct: flag }), spare: { direct: always(true) } },
  hosts: {
    key: "name",
    schema: object({
      name: text,
      iqn: { type: "string", pattern: "^(iqn|eui|naa)\\.\\S{1,219}$" },
      advertise: nullable({ anyOf: [text, list(text, 1)] }),
    }),
    spare: { advertise: always(null) },
  },
  exports: {
    schema: object({ host: text, disk: text, lun: integer(0, 16_383) }, { table: text, agents: list(text) }),
    spare: { agents: texts("agents") },
  },
  zones: {
    key: "name",
    schema: object({ name: text, ...zoneMembers }, { members: list(text), standing: flag }),
    spare: {
      hosts: texts("hosts"),
      agents: texts("agents"),
      disks: texts("disks"),
      members: texts("members"),
      standing: nothing,
    },
  },
  units: {
    schema: object({
      revision: number,
      reservations: object({
        generation: number,
        persistent: flag,
        registrations: list(
          object({ initiatorPort: text, relativePortId: portId, key: { type: "string", pattern: "^[0-9a-f]{1,16}$" } }),
        ),
        reservation: nullable(object({ type: { enum: [1, 3, 5, 6, 7, 8] }, holder: portName })),
      }),
      reserver: nullable(nexus),
      mode: mapOf(flag),
      access: list(object({ portGroup: portId, state: integer(0, 15), status: integer(0, 2) })),
      latest: list(object({ revision: number, from: nullable(asker), ...effects })),
      answered: mapOf(object({ incarnation: number, request: number })),
    }),
    spare: {
      reserver: always(null),
      mode: always({}),
      access: always([]),
      latest: always([]),
      answered: always({}),
    },
  },
  wwns: { schema: object({ wwnn: digits(16), wwpn: digits(16) }) },
  aliases: { key: "name", schema: object({ name: text, members: list(text) }), spare: { members: texts("members") } },
  zoneSets: { key: "name", schema: object({ name: text, zones: list(text) }), spare: { zones: texts("zones") } },
  fabric: { only: "fabric", schema: object({ zoneSet: nullable(text) }, { leaving: list(object(zoneMembers)) }) },
  injections: {
    key: "name",
    schema: object(
      { name: text, text, addedAtMs: number, done: flag },
      { repaired: list(object({ first: number, last: number })) },
    ),
    spare: { addedAtMs: always(0), done: always(true), repaired: nothing },
  },
};
