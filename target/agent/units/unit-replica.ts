/** An agent's copy of what a logical unit is: read here, changed by the controller (`mapping/messages/units.ts`). */
import type { NexusName, UnitRequest, UnitResponse, UnitState } from "../../mapping/protocol.ts";
import type { ItlNexus } from "../../scsi/itl-nexus.ts";
import type { LogicalUnit } from "../../scsi/logical-unit.ts";
import { carryOut, type Replacement, type UnitChange, type UnitKeeper } from "../../scsi/unit-change.ts";
import {
  decodeAccess,
  decodeEffects,
  decodeMode,
  decodeReservations,
  encodeEffects,
  encodeMode,
  encodeReservations,
} from "./unit-codec.ts";

export interface ReplicaOptions {
  readonly unit: string;
  readonly state: UnitState;
  /** Who we are; no nexus is ours before the controller has said so. */
  readonly self: () => Pick<NexusName, "agent" | "incarnation">;
  readonly nextNumber: () => number;
  readonly send: (request: Omit<UnitRequest, "cluster" | "incarnation" | "epoch">) => void;
}

interface Open {
  readonly message: Omit<UnitRequest, "cluster" | "incarnation" | "epoch">;
  readonly change: UnitChange;
  readonly resolve: (replacement: Replacement) => void;
}

export class UnitReplica implements UnitKeeper {
  readonly persistent = true;
  readonly #options: ReplicaOptions;
  readonly #open = new Map<number, Open>();
  /** Nexuses that have asked for RESERVE, by the number that the controller knows. */
  readonly #reservers = new Map<number, ItlNexus>();
  #state: UnitState;
  #unit: LogicalUnit | undefined;
  /** The latest change is carried out when this resolves. */
  #carried: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  /** The unit that shows it to hosts; it is up to date at once. */
  attach(unit: LogicalUnit): void {
    this.#unit = unit;
    this.#carried = carryOut(unit, this.#parts());
  }

  set ports(ports: LogicalUnit["ports"]) {
    if (this.#unit !== undefined) this.#unit.ports = ports;
  }

  replace(change: UnitChange): Promise<Replacement> {
    if (this.#closed) return Promise.resolve("gone");
    const request = this.#options.nextNumber();
    const { unit } = this.#options;
    const message = { type: "unit_request", request, unit, expected: this.#state.revision } as const;
    const open = { ...message, change: { ...this.#encode(change), ...encodeEffects(change) } };
    return new Promise((resolve) => {
      this.#open.set(request, { message: open, change, resolve });
      this.#options.send(open);
    });
  }

  /** What the controller says it is; an older state changes nothing. Resolved when what it ends has ended. */
  async adopt(state: UnitState): Promise<void> {
    const { revision } = this.#state;
    if (state.revision > revision) {
      this.#state = state;
      if (this.#unit !== undefined) this.#carried = this.#carryOut(this.#unit, revision);
    }
    await this.#carried;
  }

  async answered({ request, outcome, state }: UnitResponse): Promise<void> {
    const open = this.#open.get(request);
    this.#open.delete(request);
    const adopted = outcome === "gone" ? undefined : this.adopt(state);
    open?.resolve(outcome);
    await adopted;
  }

  /** Sends again what was not answered. */
  repeat(): void {
    for (const { message } of this.#open.values()) this.#options.send(message);
  }

  /** The unit is presented here no longer. */
  close(): void {
    this.#closed = true;
    for (const { resolve } of this.#open.values()) resolve("gone");
    this.#open.clear();
  }

  async #carryOut(unit: LogicalUnit, since: number): Promise<void> {
    const fresh = this.#state.latest.filter(({ revision }) => revision > since);
    const effects = fresh.map(({ from, ...change }) => ({ ...this.#asker(from), ...decodeEffects(change) }));
    // All that the unit is by now comes with the first; the effects of each after another.
    const [first = {}, ...later] = effects;
    const carried = [carryOut(unit, { ...first, ...this.#parts() }), ...later.map((change) => carryOut(unit, change))];
    await Promise.all(carried);
  }

  /** Who is not told of a change, and what it does not end: known where it was asked for here. */
  #asker(from: UnitState["latest"][number]["from"]): Pick<UnitChange, "by" | "command"> {
    const { agent, incarnation } = this.#options.self();
    if (from?.agent !== agent || from.incarnation !== incarnation) return {};
    const { by, command } = this.#open.get(from.request)?.change ?? {};
    return { ...(by ? { by } : {}), ...(command ? { command } : {}) };
  }

  #parts(): UnitChange {
    const { revision, reservations, reserver, mode, access } = this.#state;
    return {
      reservations: decodeReservations(reservations, revision),
      reserver: reserver && this.#reserver(reserver),
      mode: decodeMode(mode),
      access: decodeAccess(access),
    };
  }

  #reserver({ agent, incarnation, nexus }: NexusName): ItlNexus | "elsewhere" {
    const self = this.#options.self();
    const ours = agent === self.agent && incarnation === self.incarnation;
    return (ours ? this.#reservers.get(nexus) : undefined) ?? "elsewhere";
  }

  #encode({ reservations, reserver, mode, access }: UnitChange): UnitRequest["change"] | object {
    return {
      ...(reservations ? { reservations: encodeReservations(reservations) } : {}),
      ...(reserver === undefined ? {} : { reserver: reserver && this.#named(reserver) }),
      ...(mode ? { mode: encodeMode(mode) } : {}),
      ...(access ? { access } : {}),
    };
  }

  #named(reserver: ItlNexus | "elsewhere"): NexusName | null {
    // Nobody here speaks for nexuses of other agents.
    if (reserver === "elsewhere") return null;
    const known = [...this.#reservers].find(([, itl]) => itl === reserver)?.[0];
    const nexus = known ?? this.#options.nextNumber();
    // One nexus at a time has the unit, and one change is made at a time.
    if (known === undefined) this.#reservers.clear();
    this.#reservers.set(nexus, reserver);
    return { ...this.#options.self(), nexus };
  }
}
