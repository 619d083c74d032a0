/**
 * The checker of the persistent tables (rule 9): every reference accounted for, every segment held by
 * tables of one family at one index, what is used equal to what is named, nothing leaked; and what a
 * repair makes of what is not so.
 */
import type { CheckReport } from "../api/resources.ts";
import type { AllRecords } from "../records.ts";
import type { Store, StoreView } from "../store/store.ts";
import { Claims } from "./claims.ts";
import { setAside, usages, usedSegments } from "./counted.ts";
import { descriptions, Extents, identitiesOfViews } from "./descriptions.ts";
import { devices } from "./devices.ts";
import { exports, views } from "./exports.ts";
import { fabric } from "./fabric.ts";
import { faults } from "./faults.ts";
import { cluster, familiesOfDisks, tablesOfDisks } from "./identity.ts";
import { missingFoundations, numbers, pools, unreadableRecords } from "./kept.ts";
import { differences, storedAs } from "./memory.ts";
import { agents, hosts, worldWideNames } from "./nodes.ts";
import { Places } from "./places.ts";
import { Findings, type Problem } from "./problem.ts";
import { brokenRoots, foundDisks } from "./roots.ts";
import { Stored } from "./stored.ts";
import { ahead, copies, operations } from "./under-way.ts";
import { units } from "./units.ts";

export interface Examination {
  readonly problems: readonly Problem[];
  /** As a repair would have it. */
  readonly stored: Stored;
}

/** `known`: what a controller that runs goes by, which must be what is stored. */
export async function check(store: Store, known?: AllRecords): Promise<CheckReport> {
  const view = await store.view();
  try {
    const problems = known === undefined ? [] : await differences(view, storedAs(known));
    return reportOf([...problems, ...(await examine(view)).problems]);
  } finally {
    await view.close();
  }
}

export function reportOf(problems: readonly Problem[]): CheckReport {
  return { consistent: problems.length === 0, problems, repaired: false, unheard: [] };
}

/** In this order, since each step relies on what those before it have mended. */
export async function examine(view: StoreView): Promise<Examination> {
  const findings = new Findings();
  const stored = await Stored.of(view);
  pools(stored, findings);
  unreadableRecords(stored, findings);
  missingFoundations(stored, findings);
  devices(stored, findings);
  if (findings.problems.some(({ repair }) => repair === null)) return { problems: findings.problems, stored };
  numbers(stored, findings);
  cluster(stored, findings);
  tablesOfDisks(stored, findings);
  brokenRoots(stored, findings);
  const found = await foundDisks(stored, findings);
  await familiesOfDisks(stored, findings);
  const claims = new Claims(stored.records);
  const extents = new Extents();
  await new Places(stored, findings, claims, extents, found).examine();
  descriptions(stored, findings, extents);
  await accessTo(stored, findings);
  setAside(stored, findings, claims);
  await usedSegments(stored, findings, claims);
  await usages(stored, findings);
  return { problems: findings.problems, stored };
}

/** Who sees what, and what is done with it, once disks are as they must be. */
async function accessTo(stored: Stored, findings: Findings): Promise<void> {
  identitiesOfViews(stored, findings);
  views(stored, findings);
  agents(stored, findings);
  hosts(stored, findings);
  exports(stored, findings);
  units(stored, findings);
  faults(stored, findings);
  worldWideNames(stored, findings);
  fabric(stored, findings);
  await copies(stored, findings);
  ahead(stored, findings);
  operations(stored, findings);
}
