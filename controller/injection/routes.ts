/** The HTTP routes of faults on demand. */
import type { FaultRequest } from "../api/resources.ts";
import { schemas } from "../api/schemas.ts";
import type { Route } from "../server/routes.ts";
import { addFault, clearFaults, describeFaults } from "./injections.ts";

export const injectionRoutes: readonly Route[] = [
  { method: "GET", path: "/faults", summary: "All faults on demand, and how often each fired", run: describeFaults },
  {
    method: "POST",
    path: "/faults",
    summary: "Adds a fault on demand; answers when every agent has it",
    body: schemas.faultRequest,
    changes: true,
    run: (core, { body }) => addFault(core, body as FaultRequest),
  },
  {
    method: "DELETE",
    path: "/faults",
    summary: "Clears all faults on demand",
    changes: true,
    run: (core) => clearFaults(core),
  },
  {
    method: "DELETE",
    path: "/faults/:fault",
    summary: "Clears a fault on demand",
    changes: true,
    run: (core, { params }) => clearFaults(core, params.fault),
  },
];
