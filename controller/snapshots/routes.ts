/** The HTTP routes of snapshots and clones. */
import type { SnapshotRequest } from "../api/resources.ts";
import { schemas } from "../api/schemas.ts";
import type { Route } from "../server/routes.ts";
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
];
