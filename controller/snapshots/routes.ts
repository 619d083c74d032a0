/** The HTTP routes of snapshots and clones. */
import type { RestoreRequest, SnapshotRequest } from "../api/resources.ts";
import { schemas } from "../api/schemas.ts";
import type { Route } from "../server/routes.ts";
import { restoreDisk } from "./restore.ts";
import { takeSnapshots } from "./snapshots.ts";

export const snapshotRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/snapshots",
    summary: "Takes snapshots or clones of disks, of all at one instant",
    body: schemas.snapshotRequest,
    changes: true,
    run: (core, { body }) => takeSnapshots(core, body as SnapshotRequest),
  },
  {
    method: "POST",
    path: "/disks/:disk/restore",
    summary: "Makes a disk what one of its snapshots is; `force`: although hosts have sessions to it",
    body: schemas.restoreRequest,
    changes: true,
    run: (core, { params: { disk = "" }, body }) => {
      const { snapshot, force = false } = body as RestoreRequest;
      return restoreDisk(core, disk, snapshot, force);
    },
  },
];
