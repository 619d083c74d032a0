/** The HTTP routes of the fabric: its view, aliases, zone sets. */
import type { Route } from "../server/routes.ts";
import { ACCESS_NAMES, type AccessName, setAccess } from "./access-state.ts";
import { activate, putAlias, putZoneSet, removeAlias, removeZoneSet } from "./changes.ts";
import type { Alias, ZoneSet } from "./resources.ts";
import { fabric, masks } from "./view.ts";

const name = { type: "string", pattern: "^[a-z][a-z0-9-]{0,62}$" } as const;
const texts = { type: "array", uniqueItems: true, maxItems: 1000, items: { type: "string", maxLength: 100 } } as const;
const object = (properties: object, required: readonly string[]) =>
  ({ type: "object", properties, required, additionalProperties: false }) as const;
const alias = object({ name, members: texts }, ["name", "members"]);
const zoneSet = object({ name, zones: { ...texts, items: name } }, ["name", "zones"]);
const access = object({ state: { enum: ACCESS_NAMES } }, ["state"]);
const active = object({ zoneSet: { type: ["string", "null"], pattern: name.pattern } }, ["zoneSet"]);

export const fabricRoutes: readonly Route[] = [
  { method: "GET", path: "/fabric", summary: "Every port, and who is logged in where", run: fabric },
  {
    method: "PUT",
    path: "/fabric",
    summary: "Switches to a zone set as a whole, or to all zones",
    body: active,
    changes: true,
    run: (core, { body }) => activate(core, (body as { zoneSet: string | null }).zoneSet),
  },
  {
    method: "PUT",
    path: "/agents/:agent/access",
    summary: "Sets the asymmetric access state of an agent's ports, for all units (implicit ALUA)",
    body: access,
    changes: true,
    run: (core, { body, params }) => setAccess(core, params.agent ?? "", (body as { state: AccessName }).state),
  },
  { method: "GET", path: "/masks", summary: "LUN masking, wherever zones let it", run: masks },
  { method: "GET", path: "/aliases", summary: "All aliases", run: (core) => core.records.aliases.values() },
  {
    method: "POST",
    path: "/aliases",
    summary: "Makes an alias",
    body: alias,
    changes: true,
    run: (core, { body }) => putAlias(core, body as Alias, true),
  },
  {
    method: "PUT",
    path: "/aliases/:alias",
    summary: "Makes or replaces an alias",
    body: alias,
    changes: true,
    run: (core, { body, params }) => putAlias(core, { ...(body as Alias), name: params.alias ?? "" }, false),
  },
  {
    method: "DELETE",
    path: "/aliases/:alias",
    summary: "Deletes an alias",
    changes: true,
    run: (core, { params }) => removeAlias(core, params.alias ?? ""),
  },
  { method: "GET", path: "/zonesets", summary: "All zone sets", run: (core) => core.records.zoneSets.values() },
  {
    method: "POST",
    path: "/zonesets",
    summary: "Makes a zone set",
    body: zoneSet,
    changes: true,
    run: (core, { body }) => putZoneSet(core, body as ZoneSet, true),
  },
  {
    method: "PUT",
    path: "/zonesets/:zoneset",
    summary: "Makes or replaces a zone set",
    body: zoneSet,
    changes: true,
    run: (core, { body, params }) => putZoneSet(core, { ...(body as ZoneSet), name: params.zoneset ?? "" }, false),
  },
  {
    method: "DELETE",
    path: "/zonesets/:zoneset",
    summary: "Deletes a zone set that is not active",
    changes: true,
    run: (core, { params }) => removeZoneSet(core, params.zoneset ?? ""),
  },
];
