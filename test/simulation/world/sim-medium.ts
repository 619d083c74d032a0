/** Storage devices as one process of the controller has them: what it writes is in the cache until it is synced. */
import type { Adopted, Medium, MediumSource } from "@sanlab/controller/devices/medium.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import { OK } from "node-iscsi-target/storage/block-device.ts";
import { SyncGroup } from "node-iscsi-target/storage/engine/sync-group.ts";
import { SimError, Syncs } from "./disk-troubles.ts";
import type { Lab } from "./lab.ts";
import type { ControllerLife } from "./sim-controller.ts";
import { BLOCK_BYTES, putTag, SEGMENT_BLOCKS, SEGMENT_BYTES, type SimDisk, tagOf } from "./sim-disk.ts";
import { never } from "./sim-store.ts";

export class SimMedium implements Medium {
  readonly #disk: SimDisk;
  readonly #life: ControllerLife;
  readonly #lab: Lab;
  readonly #syncs: SyncGroup;

  constructor(disk: SimDisk, life: ControllerLife, lab: Lab) {
    this.#disk = disk;
    this.#life = life;
    this.#lab = lab;
    lab.opens(disk);
    const syncs = new Syncs(disk, life);
    this.#syncs = new SyncGroup(0, (_, done) => {
      const { order } = disk;
      void this.#run([], nothing, nothing).then(() => done(syncs.end(order)));
    });
  }

  get sizeBytes(): number {
    return this.#disk.sizeBytes;
  }

  /** For a copy: nobody may write there until it is done with (rule 4). */
  async read(offset: number, into: Uint8Array): Promise<void> {
    if (this.#life.isDead) return never();
    const first = offset / BLOCK_BYTES;
    const end = this.#lab.rules.copying(this.#disk.path, first, into.length / BLOCK_BYTES);
    const blocks = Array.from({ length: into.length / BLOCK_BYTES }, (_, at) => at);
    into.fill(0);
    const sample = (at: number) => putTag(into, at * BLOCK_BYTES, this.#disk.read(first + at));
    await this.#run(blocks, sample, () => undefined);
    end();
    const bad = this.#disk.badIn(first, blocks.length);
    if (bad !== undefined) throw new Error(`block ${bad} of ${this.#disk.path} cannot be read`);
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    const first = offset / BLOCK_BYTES;
    const count = from.length / BLOCK_BYTES;
    this.#erases(first, count);
    const changed: number[] = [];
    for (let at = 0; at < count; at += 1) {
      if (tagOf(from, at * BLOCK_BYTES) !== this.#disk.read(first + at) || this.#disk.bad.has(first + at))
        changed.push(at);
    }
    const tags = new Map(changed.map((at) => [at, tagOf(from, at * BLOCK_BYTES)]));
    const put = (at: number) => this.#disk.write(first + at, tags.get(at) as number);
    const isNew = changed.some((at) => this.#disk.read(first + at) === 0);
    const isFull = this.#disk.troubles.has("full") && isNew;
    await this.#attempt(changed, put);
    if (isFull) throw new SimError("ENOSPC", `${this.#disk.path} is full`);
  }

  async zero(offset: number, length: number): Promise<void> {
    const first = offset / BLOCK_BYTES;
    const count = length / BLOCK_BYTES;
    this.#erases(first, count);
    const clear = (block: number) => this.#disk.write(block, 0);
    await this.#attempt(this.#disk.notZero(first, count), clear);
  }

  /** As `FileMedium` does it. */
  async sync(): Promise<void> {
    if (this.#life.isDead) return never();
    if ((await this.#syncs.sync()) !== OK) throw new SimError("EIO", `a sync of ${this.#disk.path} has failed`);
  }

  close(): void {
    this.#disk.descriptors.delete(this.#life);
  }

  /** Of a call that fails some blocks may be written all the same. */
  async #attempt(blocks: readonly number[], step: (block: number) => void): Promise<void> {
    const { chance } = this.#lab;
    if (!this.#disk.troubles.has("write")) return this.#run(blocks, step, step);
    const written = blocks.filter(() => chance.hit(0.5));
    await this.#run(written, step, step);
    throw new SimError("EIO", `${this.#disk.path} cannot be written`);
  }

  #erases(first: number, count: number): void {
    if (this.#life.isDead) return;
    const { path } = this.#disk;
    this.#lab.guard(() => this.#lab.rules.erased(path, first, count));
    for (let at = first; at < first + count; at += SEGMENT_BLOCKS)
      this.#lab.guard(() => this.#lab.givenBack.erased(path, Math.floor(at / SEGMENT_BLOCKS)));
  }

  /** Each of some steps now or later; where the controller dies before, each of those that are left or not. */
  #run(steps: readonly number[], step: (at: number) => void, torn: (at: number) => void): Promise<void> {
    if (this.#life.isDead) return never();
    const { chance, scheduler } = this.#lab;
    const late: number[] = [];
    for (const at of steps) {
      if (chance.hit(0.3)) step(at);
      else late.push(at);
    }
    return new Promise((resolve) => {
      const tear = () => {
        cancel();
        for (const at of late) if (chance.hit(0.5)) torn(at);
      };
      this.#life.underWay.add(tear);
      const cancel = scheduler.after(this.#lab.diskDelay(this.#disk.path), () => {
        this.#life.underWay.delete(tear);
        for (const at of late) step(at);
        resolve();
      });
    });
  }
}

function nothing(): void {}

export function mediumSource(lab: Lab, life: ControllerLife): MediumSource {
  return {
    canonicalPath: (path) => path,
    open: (path, uuid) => {
      const disk = lab.disks.get(path);
      if (disk?.isPulled) throw new Refusal("ENOENT", `${path} does not exist.`);
      if (disk?.label?.uuid !== uuid) throw new Refusal("label", `${path} does not carry the label of device ${uuid}.`);
      return new SimMedium(disk, life, lab);
    },
    adopt: (path, label, { sizeBytes }): Adopted => {
      const created = !lab.disks.has(path);
      const disk = created
        ? lab.addDisk(path, (sizeBytes as number) / SEGMENT_BYTES, 0)
        : (lab.disks.get(path) as SimDisk);
      disk.label = label;
      return { medium: new SimMedium(disk, life, lab), created };
    },
    release: (path, created) => {
      if (created) lab.disks.delete(path);
      else (lab.disks.get(path) as SimDisk).label = undefined;
    },
  };
}
