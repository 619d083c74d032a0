import type { Route } from "../server/routes.ts";
import { takeSample } from "./sample.ts";

export const metricsRoutes: readonly Route[] = [
  { method: "GET", path: "/sample", summary: "What agents count, per disk, agent, path and fault", run: takeSample },
];
