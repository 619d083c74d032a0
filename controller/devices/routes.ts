/** The HTTP routes of single devices, and of segments that fail. */
import type { ErrorRequest } from "../api/resources.ts";
import { schemas } from "../api/schemas.ts";
import { failSegments, healSegments } from "../families/failing.ts";
import type { Route } from "../server/routes.ts";
import { openDevice, removeDevice } from "./removal.ts";

export const deviceRoutes: readonly Route[] = [
  {
    method: "DELETE",
    path: "/devices/:device",
    summary:
      "Takes a device out of its pool; `?force=1`: also one that holds segments, which fail until it is back; `?lost=1`: one that is away, for good",
    changes: true,
    run: (core, { params: { device = "" }, query }) =>
      removeDevice(core, device, query.lost === "1" ? "lost" : query.force === "1" ? "force" : "empty"),
  },
  {
    method: "POST",
    path: "/devices/:device/open",
    summary: "Places segments on a device again that was evacuated, or taken out by force and is back",
    changes: true,
    run: (core, { params: { device = "" } }) => openDevice(core, device),
  },
  {
    method: "POST",
    path: "/disks/:disk/errors",
    summary: "Makes segments of a disk fail, whatever they hold",
    body: schemas.errorRequest,
    changes: true,
    run: (core, { params: { disk = "" }, body }) => failSegments(core, disk, body as ErrorRequest),
  },
  {
    method: "DELETE",
    path: "/disks/:disk/errors",
    summary: "Makes segments of a disk what they were before they failed; `?first=N&count=M`",
    changes: true,
    run: (core, { params: { disk = "" }, query: { first, count } }) =>
      healSegments(core, disk, { first: Number(first), count: Number(count) }),
  },
];
