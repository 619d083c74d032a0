/** The HTTP routes of further tables. */
import type { Route } from "../server/routes.ts";
import type { TableRequest } from "./resources.ts";
import { createView, deleteView, describeView } from "./views.ts";

const object = (properties: object, required: readonly string[]) =>
  ({ type: "object", properties, required, additionalProperties: false }) as const;
const range = object({ first: { type: "integer", minimum: 0 }, count: { type: "integer", minimum: 1 } }, [
  "first",
  "count",
]);
const tableRequest = object(
  {
    name: { type: "string", pattern: "^[a-z][a-z0-9-]{0,62}$" },
    ranges: { type: "array", items: range, minItems: 1, maxItems: 1024 },
  },
  ["name", "ranges"],
);

export const viewRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/tables",
    summary: "All further tables of disks",
    run: (core) => core.records.views.values().map(describeView),
  },
  {
    method: "POST",
    path: "/disks/:disk/tables",
    summary: "Makes a further table of a disk: some of its segments, as a unit of their own for other hosts",
    body: tableRequest,
    changes: true,
    run: (core, { body, params: { disk = "" } }) => createView(core, disk, body as TableRequest),
  },
  {
    method: "DELETE",
    path: "/disks/:disk/tables/:table",
    summary: "Takes a further table away; what its segments hold is the disk's, and stays",
    changes: true,
    run: (core, { params: { disk = "", table = "" } }) => deleteView(core, disk, table),
  },
];
