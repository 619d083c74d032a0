/** What an administrator of the crash tests is at while processes die: snapshots that come and go, and segments that move. */
import type { Disk, Operation } from "@sanlab/controller/api/resources.ts";
import type { Chance } from "../../simulation/engine/chance.ts";
import type { Daemons } from "./daemons.ts";
import type { DiskModel, DiskView } from "./disk-model.ts";

export const DISK = "data";
/** Bytes a second: it takes several rounds. */
const RATE = 6 * 1024 * 1024;

export class Administrator {
  readonly #daemons: Daemons;
  readonly #model: DiskModel;
  readonly #chance: Chance;
  readonly #devices: readonly string[];
  #snapshots = 0;
  #taken: { readonly name: string; readonly view: DiskView } | undefined;
  /** How many were begun, by kind. */
  readonly done = { snapshots: 0, deleted: 0, migrate: 0, evacuate: 0, rebalance: 0, cancelled: 0 };

  /** `devices`: numbers of those of the disk's first pool. */
  constructor(daemons: Daemons, model: DiskModel, chance: Chance, devices: readonly string[]) {
    this.#daemons = daemons;
    this.#model = model;
    this.#chance = chance;
    this.#devices = devices;
  }

  /** Something, which the controller may die over: whether it was done shows later. */
  async act(): Promise<void> {
    try {
      await this.#chance.pick([
        () => this.#move(),
        () => this.#move(),
        () => this.#takeOrDelete(),
        () => this.#takeOrLeave(),
      ])();
    } catch {
      // No controller answered.
    }
  }

  /** The snapshot that is there, and what it may hold. */
  async snapshot(): Promise<{ readonly name: string; readonly view: DiskView } | undefined> {
    const disks = (await this.#daemons.api("GET", "/disks")) as readonly Disk[];
    if (this.#taken !== undefined && !disks.some(({ name }) => name === this.#taken?.name)) this.#taken = undefined;
    return this.#taken;
  }

  /** Resolved when nothing moves any more. */
  async settled(): Promise<void> {
    for (const { id, state } of await this.#operations())
      if (state === "running") await this.#daemons.api("DELETE", `/operations/${id}`);
    while ((await this.#operations()).some(({ state }) => state === "running"));
  }

  async failed(): Promise<Operation[]> {
    return (await this.#operations()).filter(({ state, stayed }) => state === "failed" || stayed.length > 0);
  }

  async #takeOrLeave(): Promise<void> {
    if (this.#taken === undefined) await this.#take();
  }

  async #takeOrDelete(): Promise<void> {
    if (this.#taken === undefined) await this.#take();
    else await this.#delete(this.#taken.name);
  }

  async #take(): Promise<void> {
    this.#snapshots += 1;
    const name = `snapshot-${this.#snapshots}`;
    const view = this.#model.view();
    this.#taken = { name, view };
    this.done.snapshots += 1;
    try {
      await this.#daemons.attempt("POST", "/snapshots", { snapshots: [{ disk: DISK, name }] });
    } finally {
      view.close();
    }
  }

  async #delete(name: string): Promise<void> {
    this.done.deleted += 1;
    await this.#daemons.attempt("DELETE", `/disks/${name}`);
  }

  async #move(): Promise<void> {
    const running = (await this.#operations(true)).find(({ state }) => state === "running");
    if (running !== undefined) {
      if (this.#chance.hit(0.1)) await this.#cancel(running.id);
      return;
    }
    const { ok, body } = await this.#daemons.attempt("GET", `/disks/${DISK}`);
    const { pool } = body as Disk;
    const kind = this.#chance.pick(["migrate", "evacuate", "rebalance"] as const);
    this.done[kind] += 1;
    const other = pool === "main" ? "other" : "main";
    if (!ok || kind === "migrate") return this.#begin({ kind: "migrate", disk: DISK, pool: other });
    for (const device of this.#devices) await this.#daemons.attempt("POST", `/devices/${device}/open`);
    if (kind === "rebalance") return this.#begin({ kind, pool: "main" });
    await this.#begin({ kind, device: this.#chance.pick(this.#devices) });
  }

  async #begin(operation: object): Promise<void> {
    await this.#daemons.attempt("POST", "/operations", { ...operation, rate: RATE });
  }

  async #cancel(id: string): Promise<void> {
    this.done.cancelled += 1;
    await this.#daemons.attempt("DELETE", `/operations/${id}`);
  }

  async #operations(once = false): Promise<readonly Operation[]> {
    if (!once) return (await this.#daemons.api("GET", "/operations")) as readonly Operation[];
    return (await this.#daemons.attempt("GET", "/operations")).body as readonly Operation[];
  }
}
