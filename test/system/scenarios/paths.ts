/** Scenarios in which paths come, go and change. */
import test from "ava";
import { scenarioTests } from "../../helpers/scenarios.ts";

scenarioTests(test, "two-paths.yaml", ["web"], ["path-failover", "all-paths-down", "all-paths-lost", "alua"]);
