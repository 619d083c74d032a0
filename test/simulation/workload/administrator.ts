/** The administrator: pools and disks, made, exported, grown and taken away while hosts use them. */
import { addAgent, addExport, addHost, putZone, removeExport } from "@sanlab/controller/access.ts";
import type { ControllerCore } from "@sanlab/controller/core.ts";
import { createDisk, deleteDisk, resizeDisk } from "@sanlab/controller/disks.ts";
import { createPool, growPool } from "@sanlab/controller/pools.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import type { Administration } from "../world/config.ts";
import type { Lab } from "../world/lab.ts";
import { SEGMENT_BYTES } from "../world/sim-disk.ts";

/** Segments of a disk: few, so that hosts meet; and more than one chunk of a table. */
const DISK_SEGMENTS = [2, 4, 6, 1030] as const;
const MOST_DISKS = 5;

interface Asked {
  readonly at: number;
  readonly origin: string;
  readonly readOnly: boolean;
}

export class Administrator {
  readonly #lab: Lab;
  /** Under way, or waiting for the controller. */
  isBusy = false;
  /** Everything is there that hosts need. */
  isReady = false;
  #names = 0;
  /** Snapshots that were asked for of a controller that may have died of it, by name. */
  readonly #asked = new Map<string, Asked>();
  #devices = 0;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#lab.watch(this.#setUp());
  }

  /** What has to be there before anything can happen; the controller does not die in it. */
  async #setUp(): Promise<void> {
    const { config, chance, controller } = this.#lab;
    const core = controller.core as ControllerCore;
    const devices = Array.from({ length: config.devices }, () => this.#device());
    await createPool(core, {
      name: "main",
      segmentBytes: SEGMENT_BYTES,
      queueWhenFullMs: config.queueWhenFullMs,
      devices,
    });
    for (let agent = 0; agent < config.agents; agent += 1) {
      const name = `agent${agent}`;
      await addAgent(core, { name, portal: { host: "127.0.0.1", port: 0 } });
      this.#lab.startAgent(name);
    }
    await addHost(core, { name: "host", iqn: "iqn.2026-11.example:host" });
    for (let disk = 0; disk < config.disks; disk += 1) await this.#createDisk(core, false, chance.pick(DISK_SEGMENTS));
    this.isReady = true;
    this.#next();
  }

  #next(): void {
    const { scheduler, chance, config } = this.#lab;
    scheduler.after(chance.delay(config.administrationMs), () => {
      const { core, life } = this.#lab.controller;
      if (this.#lab.isMischiefOver) return;
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
      const done = core.administer(() => this.#perform(core, work));
      done.then(next, (error: unknown) => {
        // What may not be now is refused in a sentence.
        if (error instanceof Error && "status" in error) scheduler.note(`administrator: ${error.message}`);
        else this.#lab.bug("administrator", error);
        next();
      });
    });
    const abandoned = () => {
      this.isBusy = false;
      this.#next();
    };
  }

  async #perform(core: ControllerCore, work: Administration): Promise<void> {
    const { chance, scheduler } = this.#lab;
    await this.#adopt(core);
    const disks = core.records.disks.values().filter(({ operation }) => operation === "none");
    const disk = disks.length > 0 ? chance.pick(disks) : undefined;
    scheduler.note(`administrator: ${work} ${disk?.name ?? ""}`);
    switch (work) {
      case "snapshot":
        return disks.length > 0 && disks.length < MOST_DISKS + 2 ? this.#snapshot(core, disks) : undefined;
      case "create":
      case "thick":
        if (disks.length >= MOST_DISKS) return;
        return this.#createDisk(core, work === "thick", work === "thick" ? 2 : chance.pick(DISK_SEGMENTS));
      case "delete":
        return disk && this.#deleteDisk(core, disk);
      case "resize":
        if (disk !== undefined)
          await resizeDisk(core, disk.name, disk.sizeBytes + SEGMENT_BYTES * chance.pick([1, 2, 1024]));
        return;
      case "grow":
        await growPool(core, "main", this.#device());
        return;
      case "zone":
      case "unzone":
        return disk && this.#rezone(core, disk, work === "zone");
    }
  }

  async #createDisk(core: ControllerCore, thick: boolean, segments: number): Promise<void> {
    const name = this.#name();
    await createDisk(core, { name, pool: "main", sizeBytes: segments * SEGMENT_BYTES, thick });
    await this.#export(core, name);
  }

  /** Of one disk, or of several at one instant. */
  async #snapshot(core: ControllerCore, disks: readonly DiskRecord[]): Promise<void> {
    const { chance, scheduler } = this.#lab;
    const sources = chance.hit(0.3) ? disks.filter(() => chance.hit(0.6)).slice(0, 3) : [chance.pick(disks)];
    const readOnly = chance.hit(0.5);
    const asked = { at: scheduler.tick(), readOnly };
    const snapshots = sources.map((source) => ({ source, disk: source.name, name: this.#name() }));
    if (snapshots.length === 0) return;
    for (const { name, source } of snapshots) this.#asked.set(name, { ...asked, origin: source.table });
    // What was there when it was asked for may be in it: the model forgets none of that.
    this.#lab.model.reads.add(asked.at);
    const kind = chance.pick(["snapshot", "clone"] as const);
    const request = { snapshots: snapshots.map(({ disk, name }) => ({ disk, name })), kind, readOnly };
    try {
      const made = await takeSnapshots(core, request);
      const tables = made.map(({ table }, at) => ({ table, readOnly, origin: snapshots[at]?.source.table as string }));
      this.#lab.model.snapshot(tables, asked.at, scheduler.tick());
    } finally {
      for (const { name } of snapshots) this.#asked.delete(name);
      this.#lab.model.reads.delete(asked.at);
    }
    for (const { name } of snapshots) await this.#export(core, name);
  }

  /** What was made though nobody heard of it. */
  async #adopt(core: ControllerCore): Promise<void> {
    const asked = [...this.#asked];
    this.#asked.clear();
    for (const [name, { at, origin, readOnly }] of asked) {
      const disk = core.records.disks.get(name);
      if (disk?.origin !== origin || disk.operation !== "none" || this.#lab.model.disks.has(disk.table)) continue;
      this.#lab.model.snapshot([{ table: disk.table, origin, readOnly }], at, this.#lab.scheduler.tick());
      await this.#export(core, name);
    }
    for (const [, { at }] of asked) this.#lab.model.reads.delete(at);
  }

  async #export(core: ControllerCore, name: string): Promise<void> {
    await addExport(core, { host: "host", disk: name });
    const agents = core.records.agents.values().map((agent) => agent.name);
    await putZone(core, { name: `zone-${name}`, hosts: ["host"], agents, disks: [name] }, false);
  }

  /** Names come again, tables do not. */
  #name(): string {
    this.#names += 1;
    return `disk${this.#names % (MOST_DISKS + 4)}`;
  }

  async #deleteDisk(core: ControllerCore, { name }: DiskRecord): Promise<void> {
    if (core.records.exports.has(`host/${name}`)) await removeExport(core, "host", name);
    await deleteDisk(core, name);
  }

  /** All agents serve the disk, or one less. */
  async #rezone(core: ControllerCore, { name }: DiskRecord, all: boolean): Promise<void> {
    const every = core.records.agents.values().map((agent) => agent.name);
    const agents = all ? every : every.filter((agent) => agent !== this.#lab.chance.pick(every));
    await putZone(core, { name: `zone-${name}`, hosts: ["host"], agents, disks: [name] }, false);
  }

  /** An image that is made for the pool, or a device that holds what somebody else left. */
  #device(): { path: string; sizeBytes: number } {
    const { config } = this.#lab;
    this.#devices += 1;
    const path = `/device${this.#devices}`;
    const sizeBytes = config.deviceSegments * SEGMENT_BYTES;
    if (config.usedDevices) this.#lab.addDisk(path, config.deviceSegments, 0xf000_0000 + this.#devices);
    return { path, sizeBytes };
  }
}
