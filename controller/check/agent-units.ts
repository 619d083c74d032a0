/** The logical units at an agent against the records: what hosts are shown of a disk, and in which order (seed A3). */
import { isDeepStrictEqual } from "node:util";
import type { PublishedUnit, View } from "node-iscsi-target/mapping/protocol.ts";
import { desired } from "../agents/publication.ts";
import type { ControllerCore } from "../core.ts";
import { findUnit } from "../units/unit.ts";
import type { Findings } from "./problem.ts";

/** As an agent tells it. */
export type ShownUnit = Pick<PublishedUnit, "id" | "table" | "view">;

/** `repair`: what is shown otherwise than it is on record is taken from hosts, and shown to them anew. */
export async function auditUnits(
  core: ControllerCore,
  agent: string,
  shown: readonly ShownUnit[],
  findings: Findings,
  repair: boolean,
): Promise<void> {
  for (const { id, table, view } of shown) {
    const unit = findUnit(core.records, id);
    const isSame = unit?.disk.table === table && isDeepStrictEqual(view, viewOf(unit.view));
    if (isSame) continue;
    const what =
      unit === undefined ? `unit ${id}, which is of no disk` : `'${unit.name}' otherwise than it is on record`;
    findings.add(
      "agent-unit",
      `Agent '${agent}' shows hosts ${what}.`,
      "It is taken from them, and shown to them as it is.",
    );
    if (repair) await showAnew(core, agent, id);
  }
}

function viewOf(record: View | undefined): View | undefined {
  return record && { ranges: record.ranges, sizeBytes: record.sizeBytes };
}

async function showAnew(core: ControllerCore, agent: string, unit: string): Promise<void> {
  const items = desired(core.records, agent, []);
  await core.agents.toAgent(agent, { type: "unpublish_unit", unit });
  for (const key of [`unit/${unit}`, `ports/${unit}`]) {
    const item = items.get(key);
    if (item !== undefined) await core.agents.toAgent(agent, item.now?.() ?? item.add);
  }
}
