/** The HTTP routes of operations that move segments. */
import type { OperationRequest } from "../api/resources.ts";
import { schemas } from "../api/schemas.ts";
import type { Route } from "../server/routes.ts";
import { notFound } from "../user-error.ts";
import { beginOperation, cancelOperation, describeOperation } from "./operations.ts";

export const migrationRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/operations",
    summary: "Operations that move segments: those that run, and the last that are over",
    run: (core) => core.records.operations.values().map((record) => describeOperation(core, record)),
  },
  {
    method: "POST",
    path: "/operations",
    summary: "Begins to move a disk to another pool, all that lies on a device, or what makes a pool uneven",
    body: schemas.operationRequest,
    changes: true,
    run: (core, { body }) => beginOperation(core, body as OperationRequest),
  },
  {
    method: "GET",
    path: "/operations/:operation",
    summary: "An operation, and how far it is",
    run: (core, { params: { operation = "" } }) => {
      const record = core.records.operations.get(operation);
      if (record === undefined) throw notFound("operation", operation);
      return describeOperation(core, record);
    },
  },
  {
    method: "DELETE",
    path: "/operations/:operation",
    summary: "Cancels an operation that runs: what was moved stays moved; forgets one that is over",
    changes: true,
    run: (core, { params: { operation = "" } }) => cancelOperation(core, operation),
  },
];
