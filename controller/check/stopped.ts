/** `sanlab check` on a state directory whose controller does not run; and its repair. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CheckReport } from "../api/resources.ts";
import { OwnedStore } from "../store/owned-store.ts";
import { SqliteStore } from "../store/sqlite-store.ts";
import type { StoreView } from "../store/store.ts";
import { Refusal } from "../user-error.ts";
import { check, examine, reportOf } from "./check.ts";
import { FROM_A_COPY } from "./kept.ts";

const DATABASE = "controller.sqlite";

export async function checkStoppedState(stateDirectory: string): Promise<CheckReport> {
  const store = storeIn(stateDirectory);
  try {
    return await check(store);
  } finally {
    await store.close();
  }
}

/** @throws Refusal where there is none: it would be made, and be consistent */
function storeIn(stateDirectory: string): SqliteStore {
  const path = join(stateDirectory, DATABASE);
  if (existsSync(path)) return new SqliteStore(path);
  throw new Refusal("no-tables", `${path}, the tables of the lab, is not there; ${FROM_A_COPY}.`);
}

/**
 * Mends what can be mended, and keeps a copy of what was there. A repair that is killed is begun again:
 * each of its transactions leaves tables that the next one mends.
 *
 * @throws Refusal where a controller runs, or where what is missing cannot be made again; nothing is changed then
 */
export async function repairStoppedState(stateDirectory: string): Promise<CheckReport> {
  const store = storeIn(stateDirectory);
  try {
    const owned = await OwnedStore.take(store);
    if (owned === undefined) {
      throw new Refusal(
        "in-use",
        `A controller runs on ${stateDirectory}; stop the lab ('sanlab down'), and repair it then.`,
      );
    }
    return await repair(store, owned, stateDirectory);
  } finally {
    await store.close();
  }
}

async function repair(database: SqliteStore, store: OwnedStore, stateDirectory: string): Promise<CheckReport> {
  const view = await store.view();
  try {
    return await repairFrom(view, database, store, stateDirectory);
  } finally {
    await view.close();
  }
}

async function repairFrom(
  view: StoreView,
  database: SqliteStore,
  store: OwnedStore,
  stateDirectory: string,
): Promise<CheckReport> {
  const { problems, stored } = await examine(view);
  if (problems.length === 0) return reportOf(problems);
  const hopeless = problems.find(({ repair: does }) => does === null);
  if (hopeless !== undefined) throw new Refusal("hopeless", `Nothing was repaired: ${hopeless.message}`);
  const copy = freeName(stateDirectory);
  database.copyTo(copy);
  for (const transaction of stored.transactions()) await store.commit(transaction);
  const left = (await check(store)).problems;
  if (left.length > 0) throw new Error(`a repair has left problems: ${left.map(({ message }) => message).join(" ")}`);
  return { ...reportOf(problems), consistent: true, repaired: true, copy };
}

function freeName(stateDirectory: string): string {
  for (let number = 1; ; number += 1) {
    const name = join(stateDirectory, `controller.before-repair-${number}.sqlite`);
    if (!existsSync(name)) return name;
  }
}
