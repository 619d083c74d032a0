/** The controller as a process that dies and is started again on the same store. */
import { ControllerCore } from "@sanlab/controller/core.ts";
import { goOn } from "@sanlab/controller/recovery.ts";
import type { AgentProcess } from "node-iscsi-target/mapping/protocol.ts";
import type { Lab } from "./lab.ts";
import { mediumSource } from "./sim-medium.ts";
import { never, type StoreLife } from "./sim-store.ts";

/** How long an agent may take to acknowledge before it is fenced, ms. */
export const DRAIN_LIMIT_MS = 10_000;

/** One process: what it began is torn when it dies, and it hears of nothing any more. */
export class ControllerLife {
  isDead = false;
  core: ControllerCore | undefined;
  readonly store: StoreLife;
  readonly underWay = new Set<() => void>();

  constructor(store: StoreLife) {
    this.store = store;
  }
}

export class SimController {
  readonly #lab: Lab;
  life: ControllerLife | undefined;
  #ids = 0;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** That serves; undefined while there is none. */
  get core(): ControllerCore | undefined {
    return this.life?.core;
  }

  start(): void {
    const life = new ControllerLife(this.#lab.store.open());
    this.life = life;
    this.#lab.scheduler.note("controller starts");
    this.#lab.watch(this.#serve(life));
  }

  async #serve(life: ControllerLife): Promise<void> {
    const { scheduler } = this.#lab;
    const core = await ControllerCore.start({
      store: life.store,
      labName: "sim",
      fencer: {
        fence: (process) => (life.isDead ? never() : this.#fence(life, process)),
        hasEnded: ({ pid }) => ![...this.#lab.processes.values()].some((process) => process.pid === pid),
      },
      clock: {
        nowMs: () => scheduler.nowMs,
        dateMs: () => scheduler.nowMs,
        after: (ms, run) => scheduler.after(ms, () => life.isDead || run()),
      },
      mediumSource: mediumSource(this.#lab, life),
      newId: () => {
        this.#ids += 1;
        return `00000000-0000-4000-8000-${this.#ids.toString(16).padStart(12, "0")}`;
      },
      drainLimitMs: DRAIN_LIMIT_MS,
      log: (line) => this.#log(life, line),
    });
    core.door = { url: "wss://controller", ca: "" };
    life.core = core;
    scheduler.note(`controller serves in epoch ${core.lab.epoch}`);
    await goOn(core);
  }

  /** At any instant; whatever was under way is torn. */
  crash(): void {
    const { life } = this;
    if (life === undefined) return;
    this.#lab.scheduler.note("controller dies");
    this.life = undefined;
    life.isDead = true;
    life.store.isDead = true;
    this.#lab.store.crash();
    this.#lab.rules.controllerDied();
    for (const tear of [...life.underWay]) tear();
    for (const connection of this.#lab.connections) if (connection.life === life) connection.break();
  }

  async #fence(life: ControllerLife, process: AgentProcess): Promise<void> {
    const { scheduler, chance } = this.#lab;
    this.#lab.condemned(process);
    await new Promise<void>((resolve) => {
      // A signal is not at once there, least of all where the machine is at its limits.
      scheduler.after(chance.hit(0.7) ? chance.between(0, 40) : chance.between(40, 3000), () => {
        this.#lab.fenced(process);
        scheduler.after(chance.between(0, 40), resolve);
      });
    });
    if (life.isDead) await never();
  }

  #log(life: ControllerLife, line: string): void {
    if (life.isDead) return;
    this.#lab.scheduler.note(`controller: ${line.split("\n")[0]}`);
    if (line.startsWith("bug:")) this.#lab.bug("controller", line);
  }
}
