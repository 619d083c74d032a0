/**
 * Hosts that change what units are, through any agent: each change counts PRGENERATION up by one, so
 * that at the end it says whether every change that was answered was made, and none twice.
 */
import type { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { Violation } from "../engine/violation.ts";
import type { Lab } from "../world/lab.ts";
import type { SimProcess, SimUnit } from "../world/sim-agent.ts";

interface Change {
  readonly unit: string;
  readonly process: SimProcess;
}

const MEAN_MS = 50;
/** While nothing is answered no more are begun. */
const MOST_OPEN = 12;

export class Registrars {
  readonly #lab: Lab;
  readonly #open = new Set<Change>();
  /** By unit: changes that were answered, and those of which nobody will hear. */
  readonly #made = new Map<string, number>();
  readonly #unsure = new Map<string, number>();

  constructor(lab: Lab) {
    this.#lab = lab;
    if (lab.config.registers) this.#next();
  }

  /** Nobody waits any more but those whose agent is gone. */
  get isIdle(): boolean {
    return [...this.#open].every(({ process }) => !process.isAlive);
  }

  #next(): void {
    const { scheduler, chance, processes } = this.#lab;
    scheduler.after(chance.delay(MEAN_MS), () => {
      if (this.#lab.isMischiefOver) return;
      const paths = [...processes.values()].flatMap((process) =>
        [...process.units.values()].map((unit): [SimProcess, SimUnit] => [process, unit]),
      );
      if (paths.length > 0 && this.#open.size < MOST_OPEN) this.#change(...chance.pick(paths));
      this.#next();
    });
  }

  #change(process: SimProcess, { unit, logicalUnit }: SimUnit): void {
    const change = { unit: unit.id, process };
    this.#open.add(change);
    process.deliver(() => {
      const made = logicalUnit.changes.make(() => {
        const state = generationOf(logicalUnit);
        return { reservations: { ...state, generation: state.generation + 1 } };
      });
      const count = (isMade: boolean) => {
        this.#open.delete(change);
        this.#lab.scheduler.note(`${process.name} has ${isMade ? "changed" : "lost"} ${unit.id}`);
        increment(isMade ? this.#made : this.#unsure, unit.id);
      };
      made.then(count, (error: unknown) => this.#lab.bug(process.name, error));
    });
  }

  /** At rest. @throws Violation where changes were lost or made twice, or an agent goes by something else */
  compare(): void {
    for (const { unit } of this.#open) increment(this.#unsure, unit);
    const { core } = this.#lab.controller;
    for (const { unit, logicalUnit } of [...this.#lab.processes.values()].flatMap((p) => [...p.units.values()])) {
      const { revision, reservations } = core?.units.record(unit.id) ?? {};
      const made = this.#made.get(unit.id) ?? 0;
      const most = made + (this.#unsure.get(unit.id) ?? 0);
      const generation = reservations?.generation ?? 0;
      const isCounted = this.#lab.config.registers && reservations !== undefined;
      if (isCounted && (generation < made || generation > most))
        throw new Violation("units", `${unit.id} was changed ${generation} times, by ${made} to ${most} commands`);
      const copy = generationOf(logicalUnit);
      if (copy.generation !== generation || copy.revision !== revision)
        throw new Violation(
          "units",
          `an agent has ${unit.id} in revision ${copy.revision}, the controller ${revision}`,
        );
    }
  }
}

function generationOf({ reservations }: LogicalUnit) {
  if (reservations === undefined) throw new Error("A unit with a keeper has reservations.");
  return reservations.state;
}

function increment(counts: Map<string, number>, unit: string): void {
  counts.set(unit, (counts.get(unit) ?? 0) + 1);
}
