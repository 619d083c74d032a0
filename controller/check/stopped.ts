/** `sanlab check` on a state directory whose controller does not run. */
import { join } from "node:path";
import type { CheckReport } from "../api/resources.ts";
import { AllRecords } from "../records.ts";
import { SqliteStore } from "../store/sqlite-store.ts";
import { check } from "./check.ts";

export async function checkStoppedState(stateDirectory: string): Promise<CheckReport> {
  const store = new SqliteStore(join(stateDirectory, "controller.sqlite"));
  try {
    const records = new AllRecords();
    await records.load(store);
    return await check(store, records);
  } finally {
    await store.close();
  }
}
