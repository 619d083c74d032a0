/** Storage devices as one process of the controller has them: what it writes is in the cache until it is synced. */
import type { Adopted, Medium, MediumSource } from "@sanlab/controller/devices/medium.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import type { Lab } from "./lab.ts";
import type { ControllerLife } from "./sim-controller.ts";
import { BLOCK_BYTES, putTag, SEGMENT_BYTES, type SimDisk, tagOf } from "./sim-disk.ts";
import { never } from "./sim-store.ts";

export class SimMedium implements Medium {
  readonly #disk: SimDisk;
  readonly #life: ControllerLife;
  readonly #lab: Lab;

  constructor(disk: SimDisk, life: ControllerLife, lab: Lab) {
    this.#disk = disk;
    this.#life = life;
    this.#lab = lab;
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

  write(offset: number, from: Uint8Array): Promise<void> {
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
    return this.#run(changed, put, put);
  }

  zero(offset: number, length: number): Promise<void> {
    const first = offset / BLOCK_BYTES;
    const count = length / BLOCK_BYTES;
    this.#erases(first, count);
    const clear = (block: number) => this.#disk.write(block, 0);
    return this.#run(this.#disk.notZero(first, count), clear, clear);
  }

  async sync(): Promise<void> {
    const { order } = this.#disk;
    await this.#run(
      [],
      () => undefined,
      () => undefined,
    );
    this.#disk.flush(order);
  }

  close(): void {}

  #erases(first: number, count: number): void {
    if (!this.#life.isDead) this.#lab.guard(() => this.#lab.rules.erased(this.#disk.path, first, count));
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

export function mediumSource(lab: Lab, life: ControllerLife): MediumSource {
  return {
    canonicalPath: (path) => path,
    open: (path, uuid) => {
      const disk = lab.disks.get(path);
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
