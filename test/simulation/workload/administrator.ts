/** The administrator: pools and disks, made, exported, copied, moved and taken away while hosts use them. */
import { addAgent, addHost } from "@sanlab/controller/access.ts";
import type { ControllerCore } from "@sanlab/controller/core.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import { type Administration, DISK_SEGMENTS, MOST_DISKS } from "../world/config.ts";
import type { Lab } from "../world/lab.ts";
import { SEGMENT_BYTES } from "../world/sim-disk.ts";
import { Copies } from "./administration/copies.ts";
import { createDisk } from "./administration/disks.ts";
import { healAll } from "./administration/failures.ts";
import { OPERATIONS } from "./administration/operations.ts";
import { openAll } from "./administration/storage.ts";
import { crash } from "./mischief.ts";

export class Administrator {
  readonly lab: Lab;
  readonly copies: Copies;
  /** Under way, or waiting for the controller. */
  isBusy = false;
  /** Everything is there that hosts need. */
  isReady = false;
  #names = 0;
  #devices = 0;

  constructor(lab: Lab) {
    this.lab = lab;
    this.copies = new Copies(this);
    this.lab.watch(this.#setUp());
  }

  /** Names come again, tables do not. */
  name(): string {
    this.#names += 1;
    return `disk${this.#names % (MOST_DISKS + 4)}`;
  }

  /** An image that is made for the pool, or a device that holds what somebody else left. */
  device(): { path: string; sizeBytes: number } {
    const { config } = this.lab;
    this.#devices += 1;
    const path = `/device${this.#devices}`;
    const sizeBytes = config.deviceSegments * SEGMENT_BYTES;
    if (config.usedDevices) this.lab.addDisk(path, config.deviceSegments, 0xf000_0000 + this.#devices);
    return { path, sizeBytes };
  }

  /** Nothing fails any more, and every device is open: so all that was ever written can be read. */
  async tidy(): Promise<void> {
    const core = this.lab.controller.core as ControllerCore;
    await core.administer(async () => {
      await this.copies.adopt(core);
      await openAll(this.lab, core);
      await core.space.releases.finishLeft();
      await core.agents.reconcile();
      await healAll(core);
      this.lab.failures.over(0, this.lab.scheduler.tick());
    });
  }

  /** What has to be there before anything can happen; the controller does not die in it. */
  async #setUp(): Promise<void> {
    const { config, chance, controller } = this.lab;
    const core = controller.core as ControllerCore;
    for (const name of config.pools) {
      const devices = Array.from({ length: config.devices }, () => this.device());
      const { queueWhenFullMs } = config;
      await createPool(core, { name, segmentBytes: SEGMENT_BYTES, queueWhenFullMs, devices });
    }
    for (let agent = 0; agent < config.agents; agent += 1) {
      const name = `agent${agent}`;
      const remote = agent < config.leased ? { remote: { leaseMs: config.leaseMs } } : {};
      await addAgent(core, { name, portal: { host: "127.0.0.1", port: 0 }, ...remote });
      this.lab.startAgent(name);
    }
    await addHost(core, { name: "host", iqn: "iqn.2026-11.example:host" });
    for (let disk = 0; disk < config.disks; disk += 1) await createDisk(this, core, false, chance.pick(DISK_SEGMENTS));
    this.isReady = true;
    this.#next();
  }

  #next(): void {
    const { scheduler, chance, config } = this.lab;
    scheduler.after(chance.delay(config.administrationMs), () => {
      const { core, life } = this.lab.controller;
      if (this.lab.isMischiefOver) return;
      if (core === undefined || life === undefined) return this.#next();
      const work = chance.weighted<Administration>(config.administration);
      this.isBusy = true;
      // What a controller has begun when it dies is never heard of again.
      life.underWay.add(abandoned);
      const next = () => {
        life.underWay.delete(abandoned);
        this.isBusy = false;
        this.#next();
      };
      if (config.mischief.crash > 0 && chance.hit(0.1))
        scheduler.after(chance.delay(config.diskMs + 10), () => crash(this.lab));
      const done = core.administer(() => this.#perform(core, work));
      done.then(next, (error: unknown) => {
        // What may not be now is refused in a sentence.
        if (error instanceof Error && "status" in error) scheduler.note(`administrator: ${error.message}`);
        else this.lab.bug("administrator", error);
        next();
      });
    });
    const abandoned = () => {
      this.isBusy = false;
      this.#next();
    };
  }

  async #perform(core: ControllerCore, work: Administration): Promise<void> {
    const { chance, scheduler } = this.lab;
    await this.copies.adopt(core);
    const disks = core.records.disks.values().filter(({ operation }) => operation === "none");
    const disk = disks.length > 0 ? chance.pick(disks) : undefined;
    scheduler.note(`administrator: ${work} ${disk?.name ?? ""}`);
    if (disk !== undefined) await OPERATIONS[work]({ administrator: this, core, disks, disk });
    else await createDisk(this, core, false, chance.pick(DISK_SEGMENTS));
  }
}
