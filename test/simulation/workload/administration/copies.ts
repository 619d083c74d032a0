/** Snapshots and clones, of which the controller may have died before it said that they are there; and disks that go back to them. */
import type { ControllerCore } from "@sanlab/controller/core.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import { restoreDisk } from "@sanlab/controller/snapshots/restore.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import type { Administrator } from "../administrator.ts";
import { exportDisk } from "./disks.ts";

interface Asked {
  readonly at: number;
  readonly origin: string;
  readonly readOnly: boolean;
}

export class Copies {
  readonly #administrator: Administrator;
  /** By name. */
  readonly #asked = new Map<string, Asked>();

  constructor(administrator: Administrator) {
    this.#administrator = administrator;
  }

  /** Of one disk, or of several at one instant. */
  async snapshot(core: ControllerCore, disks: readonly DiskRecord[]): Promise<void> {
    const { chance, scheduler, model } = this.#administrator.lab;
    const sources = chance.hit(0.3) ? disks.filter(() => chance.hit(0.6)).slice(0, 3) : [chance.pick(disks)];
    const readOnly = chance.hit(0.5);
    const asked = { at: scheduler.tick(), readOnly };
    const snapshots = sources.map((source) => ({ source, disk: source.name, name: this.#administrator.name() }));
    if (snapshots.length === 0) return;
    for (const { name, source } of snapshots) scheduler.note(`administrator: ${name} of ${source.table}`);
    for (const { name, source } of snapshots) this.#asked.set(name, { ...asked, origin: source.table });
    // What was there when it was asked for may be in it: the model forgets none of that.
    model.reads.add(asked.at);
    const kind = chance.pick(["snapshot", "clone"] as const);
    const request = { snapshots: snapshots.map(({ disk, name }) => ({ disk, name })), kind, readOnly };
    try {
      const made = await takeSnapshots(core, request);
      const tables = made.map(({ table }, at) => ({ table, readOnly, origin: snapshots[at]?.source.table as string }));
      model.snapshot(tables, asked.at, scheduler.tick());
    } finally {
      for (const { name } of snapshots) this.#asked.delete(name);
      model.reads.delete(asked.at);
    }
    for (const { name } of snapshots) await exportDisk(core, name);
  }

  /** What was made though nobody heard of it. */
  async adopt(core: ControllerCore): Promise<void> {
    const { model, scheduler } = this.#administrator.lab;
    const asked = [...this.#asked];
    this.#asked.clear();
    const there: string[] = [];
    for (const [name, { at, origin, readOnly }] of asked) {
      model.reads.delete(at);
      const disk = core.records.disks.get(name);
      if (disk?.origin !== origin || disk.operation !== "none" || model.disks.has(disk.table)) continue;
      model.snapshot([{ table: disk.table, origin, readOnly }], at, scheduler.tick());
      there.push(name);
    }
    // The controller may die again in the midst of this.
    for (const name of there) await exportDisk(core, name);
  }

  /** The model hears of it from the commit: a controller that dies right after it has done it all the same. */
  async restore(core: ControllerCore, disks: readonly DiskRecord[], disk: DiskRecord): Promise<void> {
    const { chance, restores } = this.#administrator.lab;
    const others = disks.filter(({ family, table }) => family === disk.family && table !== disk.table);
    if (others.length === 0) return;
    const snapshot = chance.pick(others);
    restores.asked = { disk: disk.table, snapshot: snapshot.table };
    await restoreDisk(core, disk.name, snapshot.name, chance.hit(0.7));
  }
}
