/** How many chunks the tables of a family have. */
import type { ControllerCore } from "../core.ts";
import type { Family } from "./family.ts";

/** As it is when all that was asked of the family before has ended: what was under way may have added some. */
export function columns(core: ControllerCore, family: Family): Promise<number> {
  return family.run(async () => {
    const roots = await Promise.all([...family.tables].map((table) => core.tables.root(table)));
    return Math.max(0, ...roots.map((root) => root.length));
  });
}
