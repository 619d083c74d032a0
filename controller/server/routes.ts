/** The HTTP API as a table: method, path, body, and what answers it (`api/resources.ts`). */
import * as access from "../access.ts";
import type {
  AgentRequest,
  DeviceRequest,
  DiskRequest,
  ExportRequest,
  HostRequest,
  PoolRequest,
  Zone,
} from "../api/resources.ts";
import { schemas } from "../api/schemas.ts";
import { checkRoutes } from "../check/routes.ts";
import type { ControllerCore } from "../core.ts";
import { deviceRoutes } from "../devices/routes.ts";
import * as disks from "../disks.ts";
import { fabricRoutes } from "../fabric/routes.ts";
import { injectionRoutes } from "../injection/routes.ts";
import { metricsRoutes } from "../metrics/routes.ts";
import { migrationRoutes } from "../migration/routes.ts";
import * as pools from "../pools.ts";
import { remoteRoutes } from "../remote/routes.ts";
import { snapshotRoutes } from "../snapshots/routes.ts";
import { mapOf } from "../tables/map.ts";
import { notFound } from "../user-error.ts";
import { viewRoutes } from "../views/routes.ts";
import { askAgents } from "./questions.ts";

export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly summary: string;
  readonly body?: object;
  /** Changes something: one after another. */
  readonly changes?: boolean;
  readonly run: (core: ControllerCore, call: Call) => unknown;
}

export const VERSION = "0.1.0";

const name = (call: Call, key: string): string => call.params[key] as string;

function found<T>(kind: string, of: string, record: T | undefined): T {
  if (record === undefined) throw notFound(kind, of);
  return record;
}

/** What is shown of space is what was written, and not what was allocated ahead of it. */
function settled(run: Route["run"]): Route["run"] {
  return async (core, call) => {
    await core.ahead.settle();
    return run(core, call);
  };
}

function rangeOf({ first, count }: Call["query"]): { first?: number; count?: number } {
  return {
    ...(first === undefined ? {} : { first: Number(first) }),
    ...(count === undefined ? {} : { count: Number(count) }),
  };
}

export const ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/lab",
    summary: "The lab",
    run: ({ lab }) => ({ name: lab.name, cluster: lab.cluster, epoch: lab.epoch, version: VERSION, pid: process.pid }),
  },
  {
    method: "GET",
    path: "/pools",
    summary: "All pools",
    run: settled((core) => core.records.pools.values().map((pool) => pools.describePool(core, pool))),
  },
  {
    method: "POST",
    path: "/pools",
    summary: "Makes a pool",
    body: schemas.poolRequest,
    changes: true,
    run: (core, { body }) => pools.createPool(core, body as PoolRequest),
  },
  {
    method: "GET",
    path: "/pools/:pool",
    summary: "A pool",
    run: settled((core, call) =>
      pools.describePool(core, found("pool", name(call, "pool"), core.records.pools.get(name(call, "pool")))),
    ),
  },
  {
    method: "DELETE",
    path: "/pools/:pool",
    summary: "Deletes a pool without disks",
    changes: true,
    run: (core, call) => pools.deletePool(core, name(call, "pool")),
  },
  {
    method: "POST",
    path: "/pools/:pool/devices",
    summary: "Grows a pool",
    body: schemas.deviceRequest,
    changes: true,
    run: (core, call) => pools.growPool(core, name(call, "pool"), call.body as DeviceRequest),
  },
  {
    method: "GET",
    path: "/disks",
    summary: "All disks",
    run: settled((core) => disks.listed(core).map((disk) => disks.describe(core, disk))),
  },
  {
    method: "POST",
    path: "/disks",
    summary: "Makes a disk",
    body: schemas.diskRequest,
    changes: true,
    run: (core, { body }) => disks.createDisk(core, body as DiskRequest),
  },
  {
    method: "GET",
    path: "/disks/:disk",
    summary: "A disk",
    run: settled((core, call) => disks.describe(core, disks.foundDisk(core, name(call, "disk")))),
  },
  {
    method: "PATCH",
    path: "/disks/:disk",
    summary: "Grows a disk",
    body: schemas.diskChange,
    changes: true,
    run: (core, call) => disks.resizeDisk(core, name(call, "disk"), (call.body as { sizeBytes: number }).sizeBytes),
  },
  {
    method: "DELETE",
    path: "/disks/:disk",
    summary: "Deletes a disk",
    changes: true,
    run: (core, call) => disks.deleteDisk(core, name(call, "disk")),
  },
  {
    method: "GET",
    path: "/disks/:disk/map",
    summary: "The mapping table of a disk",
    run: settled((core, call) => mapOf(core, name(call, "disk"), rangeOf(call.query), call.query.all === "1")),
  },
  {
    method: "GET",
    path: "/agents",
    summary: "All agents",
    run: (core) => core.records.agents.values().map((agent) => access.describeAgent(core, agent)),
  },
  {
    method: "POST",
    path: "/agents",
    summary: "Adds an agent",
    body: schemas.agentRequest,
    changes: true,
    run: (core, { body }) => access.addAgent(core, body as AgentRequest),
  },
  {
    method: "GET",
    path: "/agents/:agent",
    summary: "An agent, with its counters",
    run: async (core, call) => {
      const record = found("agent", name(call, "agent"), core.records.agents.get(name(call, "agent")));
      const [counters] = await askAgents(core, [record.name], { what: "counters" });
      return { ...access.describeAgent(core, record), counters: counters?.result ?? null };
    },
  },
  {
    method: "DELETE",
    path: "/agents/:agent",
    summary: "Removes an agent",
    changes: true,
    run: (core, call) => access.removeAgent(core, name(call, "agent")),
  },
  { method: "GET", path: "/hosts", summary: "All hosts", run: (core) => core.records.hosts.values() },
  {
    method: "POST",
    path: "/hosts",
    summary: "Lets a host in",
    body: schemas.hostRequest,
    changes: true,
    run: (core, { body }) => access.addHost(core, body as HostRequest),
  },
  {
    method: "GET",
    path: "/hosts/:host",
    summary: "A host",
    run: (core, call) => found("host", name(call, "host"), core.records.hosts.get(name(call, "host"))),
  },
  {
    method: "DELETE",
    path: "/hosts/:host",
    summary: "Removes a host and its exports",
    changes: true,
    run: (core, call) => access.removeHost(core, name(call, "host")),
  },
  { method: "GET", path: "/exports", summary: "Every path of every export", run: (core) => access.paths(core) },
  {
    method: "POST",
    path: "/exports",
    summary: "Exports a disk to a host",
    body: schemas.exportRequest,
    changes: true,
    run: (core, { body }) => access.addExport(core, body as ExportRequest),
  },
  {
    method: "DELETE",
    path: "/exports/:host/:disk",
    summary: "Takes an export back; `?table=T`: that of this further table",
    changes: true,
    run: (core, call) => access.removeExport(core, name(call, "host"), name(call, "disk"), call.query.table),
  },
  { method: "GET", path: "/zones", summary: "All zones", run: (core) => core.records.zones.values() },
  {
    method: "POST",
    path: "/zones",
    summary: "Makes a zone",
    body: schemas.zone,
    changes: true,
    run: (core, { body }) => access.putZone(core, body as Zone, true),
  },
  {
    method: "GET",
    path: "/zones/:zone",
    summary: "A zone",
    run: (core, call) => found("zone", name(call, "zone"), core.records.zones.get(name(call, "zone"))),
  },
  {
    method: "PUT",
    path: "/zones/:zone",
    summary: "Makes or replaces a zone",
    body: schemas.zone,
    changes: true,
    run: (core, call) => access.putZone(core, { ...(call.body as Zone), name: name(call, "zone") }, false),
  },
  {
    method: "DELETE",
    path: "/zones/:zone",
    summary: "Deletes a zone",
    changes: true,
    run: (core, call) => access.removeZone(core, name(call, "zone")),
  },
  {
    method: "GET",
    path: "/sessions",
    summary: "Who is connected, and where",
    run: async (core) => {
      const answers = await askAgents(
        core,
        core.records.agents.values().map((agent) => agent.name),
        { what: "sessions" },
      );
      return answers.flatMap(({ agent, result }) => (result as object[]).map((session) => ({ agent, ...session })));
    },
  },
  ...checkRoutes,
  ...fabricRoutes,
  ...injectionRoutes,
  ...remoteRoutes,
  ...snapshotRoutes,
  ...metricsRoutes,
  ...migrationRoutes,
  ...deviceRoutes,
  ...viewRoutes,
];
