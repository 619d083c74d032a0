/** The HTTP route of the check. */
import type { Route } from "../server/routes.ts";
import { checkLab } from "./live.ts";

export const checkRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/check",
    summary: "Is every table consistent? `?repair=1`: agents fetch again what they have otherwise than it is stored",
    changes: true,
    run: (core, { query: { repair } }) => checkLab(core, repair === "1"),
  },
];
