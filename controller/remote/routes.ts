/** The HTTP routes of the door for other machines. */
import type { RemoteRequest } from "../api/resources.ts";
import { schemas } from "../api/schemas.ts";
import type { Route } from "../server/routes.ts";
import { doorOf } from "./door.ts";

export const remoteRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/remote",
    summary: "Where the controller listens for other machines; null: nowhere",
    run: (core) => ({ listener: doorOf(core).show() }),
  },
  {
    method: "PUT",
    path: "/remote",
    summary: "Listens for other machines, over TLS, from now on",
    body: schemas.remoteRequest,
    changes: true,
    run: (core, { body }) => doorOf(core).open(body as RemoteRequest),
  },
  {
    method: "DELETE",
    path: "/remote",
    summary: "Listens on this machine only",
    changes: true,
    run: (core) => doorOf(core).close(),
  },
];
