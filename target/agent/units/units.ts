/** The logical units that an agent presents together with others, by their ids. */
import type { PublishedUnit, SetPorts, UnitResponse, UnitState } from "../../mapping/protocol.ts";
import { type ReplicaOptions, UnitReplica } from "./unit-replica.ts";

export class SharedUnits {
  readonly #replicas = new Map<string, UnitReplica>();
  readonly #options: Omit<ReplicaOptions, "unit" | "state">;

  constructor(options: Omit<ReplicaOptions, "unit" | "state">) {
    this.#options = options;
  }

  open({ id }: PublishedUnit, state: UnitState): UnitReplica {
    const replica = new UnitReplica({ ...this.#options, unit: id, state });
    this.#replicas.set(id, replica);
    return replica;
  }

  async adopt(unit: string, state: UnitState): Promise<void> {
    await this.#replicas.get(unit)?.adopt(state);
  }

  async answered(message: UnitResponse): Promise<void> {
    await this.#replicas.get(message.unit)?.answered(message);
  }

  setPorts({ unit, ports }: SetPorts): void {
    const replica = this.#replicas.get(unit);
    if (replica !== undefined) replica.ports = ports;
  }

  repeat(): void {
    for (const replica of this.#replicas.values()) replica.repeat();
  }

  close(unit: string): void {
    this.#replicas.get(unit)?.close();
    this.#replicas.delete(unit);
  }
}
