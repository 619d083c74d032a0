/** Scenarios in which disks, pools and the controller have trouble. Those that leave something larger come last. */
import test from "ava";
import { scenarioTests } from "../../helpers/scenarios.ts";

const SCENARIOS = ["controller-lost", "bad-sectors", "evacuate", "snapshot-restore", "pool-full", "online-resize"];
scenarioTests(test, "two-paths.yaml", ["web"], SCENARIOS);
