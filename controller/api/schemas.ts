/** JSON Schemas of the requests in `resources.ts`; fastify's ajv checks bodies by them, and OpenAPI is made from them. */
const name = { type: "string", pattern: "^[a-z][a-z0-9-]{0,62}$" } as const;
const names = { type: "array", items: name, uniqueItems: true } as const;
const members = { type: "array", uniqueItems: true, items: { type: "string", minLength: 1, maxLength: 100 } } as const;
const bytes = { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const;
const host = { type: "string", minLength: 1, maxLength: 253 } as const;
const port = { type: "integer", minimum: 0, maximum: 65535 } as const;

function object<P extends Record<string, object>>(properties: P, required: readonly (keyof P & string)[]) {
  return { type: "object", properties, required, additionalProperties: false } as const;
}

const device = object({ path: { type: "string", pattern: "^/" }, sizeBytes: bytes, force: { type: "boolean" } }, [
  "path",
]);

export const schemas = {
  deviceRequest: device,
  poolRequest: object(
    {
      name,
      segmentBytes: bytes,
      devices: { type: "array", items: device, minItems: 1 },
      queueWhenFullMs: { type: "integer", minimum: 0 },
    },
    ["name", "segmentBytes", "devices"],
  ),
  diskRequest: object({ name, sizeBytes: bytes, pool: name, thick: { type: "boolean" } }, [
    "name",
    "sizeBytes",
    "pool",
  ]),
  snapshotRequest: object(
    {
      snapshots: {
        type: "array",
        items: object({ disk: name, name }, ["disk", "name"]),
        minItems: 1,
        maxItems: 64,
        uniqueItems: true,
      },
      kind: { enum: ["snapshot", "clone"] },
      readOnly: { type: "boolean" },
    },
    ["snapshots"],
  ),
  restoreRequest: object({ snapshot: name, force: { type: "boolean" } }, ["snapshot"]),
  errorRequest: object(
    {
      first: { type: "integer", minimum: 0 },
      count: { type: "integer", minimum: 1 },
      sense: object(
        {
          senseKey: { type: "integer", minimum: 1, maximum: 15 },
          asc: { type: "integer", minimum: 0, maximum: 255 },
          ascq: { type: "integer", minimum: 0, maximum: 255 },
        },
        ["senseKey", "asc", "ascq"],
      ),
    },
    ["first", "count"],
  ),
  // No keys are ruled out in a branch: what a branch does not know is taken out of the body, for all others too.
  operationRequest: {
    ...object(
      {
        kind: { enum: ["migrate", "evacuate", "rebalance"] },
        disk: name,
        pool: name,
        device: { type: "string", minLength: 1 },
        rate: bytes,
      },
      ["kind"],
    ),
    oneOf: [
      { properties: { kind: { const: "migrate" } }, required: ["disk", "pool"] },
      { properties: { kind: { const: "evacuate" } }, required: ["device"] },
      { properties: { kind: { const: "rebalance" } }, required: ["pool"] },
    ],
  },
  diskChange: object({ sizeBytes: bytes }, ["sizeBytes"]),
  agentRequest: object(
    {
      name,
      portal: object({ host, port }, ["host", "port"]),
      advertise: object({ host, port }, ["host"]),
      remote: object({ leaseMs: { type: "integer", minimum: 1 } }, []),
      lease: object({ leaseMs: { type: "integer", minimum: 1 } }, []),
      chap: object(
        { user: { type: "string", minLength: 1, maxLength: 255 }, secretFile: { type: "string", pattern: "^/" } },
        ["user", "secretFile"],
      ),
    },
    ["name", "portal"],
  ),
  remoteRequest: object({ host, port, names: { type: "array", items: host, maxItems: 64 } }, ["host", "port"]),
  hostRequest: object(
    {
      name,
      iqn: { type: "string", pattern: "^(iqn|eui|naa)\\.\\S{1,219}$" },
      advertise: { anyOf: [host, { type: "array", items: host, minItems: 1, maxItems: 8 }] },
    },
    ["name", "iqn"],
  ),
  exportRequest: object(
    {
      host: name,
      disk: name,
      table: name,
      lun: { type: "integer", minimum: 0, maximum: 16383 },
      agents: { ...names, minItems: 1 },
    },
    ["host", "disk"],
  ),
  faultRequest: object({ name, text: { type: "string", minLength: 1, maxLength: 1000 } }, ["text"]),
  zone: object({ name, hosts: names, agents: names, disks: names, members, standing: { type: "boolean" } }, [
    "name",
    "hosts",
    "agents",
    "disks",
  ]),
} as const;
