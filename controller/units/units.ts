/**
 * What logical units are, for all agents that present them (docs/protocol.md, Distributed SCSI semantics):
 * one change of a unit at a time, durable with the number of the request that asked for it, then
 * sent to every agent of the unit, and answered when all have carried it out.
 */
import {
  FRESH_UNIT,
  LATEST_CHANGES,
  type UnitAsker,
  type UnitEffects,
  type UnitParts,
  type UnitRequest,
  type UnitResponse,
} from "node-iscsi-target/mapping/messages/units.ts";
import type { AgentSession } from "../agents/agent-session.ts";
import type { Agents } from "../agents/agents.ts";
import { holds } from "../agents/asking.ts";
import type { AllRecords } from "../records.ts";
import type { Change as StoreChange } from "../store/commits.ts";
import type { Store } from "../store/store.ts";
import { stateOf, type UnitRecord } from "./record.ts";
import { findUnit, type Unit, unitsOf } from "./unit.ts";

export interface UnitsOptions {
  readonly store: Store;
  readonly records: AllRecords;
  readonly agents: Agents;
  readonly onBug: (error: unknown) => void;
}

type Change = Partial<UnitParts> & UnitEffects;

const NO_EFFECTS: UnitEffects = { notices: [], ends: null };
/** ASYMMETRIC ACCESS STATE CHANGED (SPC-4 5.15.2.1). */
const ACCESS_STATE_CHANGED = { to: "all", asc: 0x2a, ascq: 0x06 } as const;
/** STATUS CODE 2h (SPC-4 table 336): implicitly. */
const BY_TARGET = 2;

export class Units {
  readonly #options: UnitsOptions;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: UnitsOptions) {
    this.#options = options;
  }

  /** A change that an agent's host asks for. */
  request(agent: string, session: AgentSession, message: UnitRequest): void {
    const { incarnation } = session.envelope;
    const from = { agent, incarnation, request: message.request };
    const answer = (outcome: UnitResponse["outcome"], state: UnitRecord): void => {
      const { unit, request } = message;
      void session.deliver({ type: "unit_response", unit, request, outcome, state: stateOf(state) });
    };
    const work = this.inTurn(message.unit, async () => {
      if (session.fenced) return;
      const unit = this.#unit(message.unit);
      const record = this.record(message.unit);
      if (unit === undefined || !holds(this.#options.records, agent, unit.disk.table)) return answer("gone", record);
      const { incarnation: last, request } = record.answered[agent] ?? {};
      const isRepeat = last === incarnation && request === message.request;
      if (!isRepeat && message.expected !== record.revision) return answer("stale", record);
      if (isRepeat) await this.#spread(unit, record);
      else await this.#change(unit, message.change, from);
      answer("done", this.record(message.unit));
    });
    work.catch(this.#options.onBug);
  }

  record(unit: string): UnitRecord {
    return this.#options.records.units.get(unit) ?? { ...FRESH_UNIT, answered: {} };
  }

  /** What an agent is to find in every unit of its incarnation: nothing that RESERVE made in an earlier one, whose nexuses are gone. */
  async begins(agent: string, incarnation: number): Promise<void> {
    const gone = ({ reserver }: UnitRecord) => reserver?.agent === agent && reserver.incarnation < incarnation;
    await this.#changeEach((record) => (gone(record) ? { reserver: null, ...NO_EFFECTS } : undefined));
  }

  /** An agent of this incarnation is no more. */
  lost(agent: string, incarnation: number): Promise<void> {
    return this.begins(agent, incarnation + 1);
  }

  /**
   * The access state of a target port group by itself, for all units (implicit ALUA, SPC-4 5.15.2.2);
   * null: what it is when all is well. Hosts are told by unit attention.
   */
  async setPortGroup(portGroup: number, state: number | null): Promise<void> {
    await this.#changeEach((record) => {
      const others = record.access.filter((row) => row.portGroup !== portGroup);
      const access = state === null ? others : [...others, { portGroup, state, status: BY_TARGET }];
      const same = JSON.stringify(access) === JSON.stringify(record.access);
      return same ? undefined : { access, notices: [ACCESS_STATE_CHANGED], ends: null };
    });
  }

  /** All hosts of these units are told by a unit attention of what `work` does; `told` goes into the transaction that does it. */
  async notify<T>(
    units: readonly Unit[],
    notice: { readonly asc: number; readonly ascq: number },
    work: (told: (change: StoreChange) => void) => Promise<T>,
  ): Promise<T> {
    const [unit, ...others] = units;
    if (unit === undefined) return work(() => undefined);
    return this.inTurn(unit.id, async () => {
      const { units: records } = this.#options.records;
      const next = this.#next(unit.id, { notices: [{ to: "all", ...notice }], ends: null }, null);
      const result = await this.notify(others, notice, (told) =>
        work((change) => {
          told(change);
          change.put(records.put(unit.id, next)).learn(() => records.learn(unit.id, next));
        }),
      );
      await this.#spread(unit, next);
      return result;
    });
  }

  /** The lab was without power: what is not to outlive that is gone (SPC-4 5.13.5: without APTPL; modes, access states and what RESERVE made always). */
  async powerOn(): Promise<void> {
    for (const [unit, record] of this.#options.records.units.entries()) {
      const { revision, reservations, answered } = record;
      const kept = reservations.persistent ? { ...reservations, generation: 0 } : FRESH_UNIT.reservations;
      const next = { ...FRESH_UNIT, revision: revision + 1, reservations: kept, answered };
      await this.#options.records.units.save(this.#options.store, unit, next);
    }
  }

  async #changeEach(make: (record: UnitRecord) => Change | undefined): Promise<void> {
    const { records } = this.#options;
    const units = records.disks.values().flatMap((disk) => unitsOf(records, disk));
    const work = units.map(({ id }) =>
      this.inTurn(id, async () => {
        const change = make(this.record(id));
        const unit = change && this.#unit(id);
        if (change !== undefined && unit !== undefined) await this.#change(unit, change, null);
      }),
    );
    await Promise.all(work);
  }

  async #change(unit: Unit, change: Change, from: UnitAsker | null): Promise<void> {
    const { store, records } = this.#options;
    const next = this.#next(unit.id, change, from);
    await records.units.save(store, unit.id, next);
    await this.#spread(unit, next);
  }

  #next(unit: string, change: Change, from: UnitAsker | null): UnitRecord {
    const { notices, ends, ...parts } = change;
    const before = this.record(unit);
    const revision = before.revision + 1;
    const latest = [...before.latest, { revision, from, notices, ends }].slice(-LATEST_CHANGES);
    const answered = from === null ? before.answered : { ...before.answered, [from.agent]: numbersOf(from) };
    return { ...before, ...parts, revision, latest, answered };
  }

  /** Resolves when every agent of the unit, by record, has carried it out or is fenced. */
  #spread({ id: unit, disk }: Unit, record: UnitRecord): Promise<void> {
    return this.#options.agents.toTable(disk.table, { type: "set_unit", unit, state: stateOf(record) });
  }

  #unit(id: string): Unit | undefined {
    const unit = findUnit(this.#options.records, id);
    return unit?.disk.operation === "deleting" ? undefined : unit;
  }

  /** When no change of the unit is under way, and before the next: so none is put on record after the unit has gone. */
  inTurn<T>(unit: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(unit) ?? Promise.resolve()).then(work, work);
    this.#turns.set(unit, turn);
    return turn;
  }
}

function numbersOf({ incarnation, request }: UnitAsker): { incarnation: number; request: number } {
  return { incarnation, request };
}
