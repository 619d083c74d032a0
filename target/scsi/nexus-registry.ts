import { Attention } from "./attention.ts";
import type { ItlNexus } from "./itl-nexus.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import type { Nexus } from "./transport.ts";

/** The nexuses of a target that live, and which units each has met. */
export class NexusRegistry {
  readonly #met = new Map<Nexus, Set<LogicalUnit>>();

  begin(nexus: Nexus): void {
    if (!this.#met.has(nexus)) this.#met.set(nexus, new Set());
  }

  /** First contact of a nexus and a unit. @throws Error where the nexus does not live: the transport's bug. */
  meet(nexus: Nexus, unit: LogicalUnit): ItlNexus {
    const met = this.#met.get(nexus);
    if (!met) throw new Error(`A command came through ${nexus.id}, a nexus that has not begun or has ended.`);
    met.add(unit);
    return unit.meet(nexus);
  }

  async end(nexus: Nexus): Promise<void> {
    const met = this.#met.get(nexus) ?? [];
    this.#met.delete(nexus);
    await Promise.all([...met].map((unit) => unit.part(nexus)));
  }

  async inventoryChanged(nexus: Nexus, visible: readonly LogicalUnit[]): Promise<void> {
    const met = this.#met.get(nexus);
    if (!met) return;
    const hidden = [...met].filter((unit) => !visible.includes(unit));
    for (const unit of hidden) met.delete(unit);
    for (const unit of met) unit.itlNexus(nexus)?.attentions.establish(Attention.REPORTED_LUNS_DATA_HAS_CHANGED);
    await Promise.all(hidden.map((unit) => unit.part(nexus)));
  }
}
