/** Storage devices as one process of the controller has them: whole segments zeroed, durably, and read and written. */
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

  read(offset: number, into: Uint8Array): Promise<void> {
    if (this.#life.isDead) return never();
    return this.#run(
      () => {
        for (let at = 0; at < into.length; at += BLOCK_BYTES) {
          into.fill(0, at, at + BLOCK_BYTES);
          putTag(into, at, this.#disk.read((offset + at) / BLOCK_BYTES));
        }
      },
      () => undefined,
    );
  }

  /** Into the cache; what it is written to is nobody's yet. */
  write(offset: number, from: Uint8Array): Promise<void> {
    if (this.#life.isDead) return never();
    const blocks = Array.from({ length: from.length / BLOCK_BYTES }, (_, at) => at);
    this.#lab.guard(() => this.#lab.rules.erased(this.#disk.path, Math.floor(offset / SEGMENT_BYTES)));
    const write = (at: number) => this.#disk.write(offset / BLOCK_BYTES + at, tagOf(from, at * BLOCK_BYTES));
    return this.#run(
      () => {
        for (const at of blocks) write(at);
      },
      () => {
        for (const at of blocks) if (this.#lab.chance.hit(0.5)) write(at);
      },
    );
  }

  sync(): Promise<void> {
    if (this.#life.isDead) return never();
    const { order } = this.#disk;
    return this.#run(
      () => this.#disk.flush(order),
      () => undefined,
    );
  }

  zero(offset: number, length: number): Promise<void> {
    if (this.#life.isDead) return never();
    const first = offset / SEGMENT_BYTES;
    const segments = Array.from({ length: length / SEGMENT_BYTES }, (_, at) => first + at);
    this.#lab.guard(() => {
      for (const segment of segments) this.#lab.rules.erased(this.#disk.path, segment);
    });
    return this.#run(
      () => {
        for (const segment of segments) this.#disk.zero(segment);
      },
      () => {
        for (const segment of segments) this.#disk.tear(segment, () => this.#disk.zero(segment), this.#lab.chance);
      },
    );
  }

  close(): void {}

  /** Done at some time, or torn where the controller dies before. */
  #run(whole: () => void, torn: () => void): Promise<void> {
    return new Promise((resolve) => {
      const tear = () => {
        cancel();
        torn();
      };
      this.#life.underWay.add(tear);
      const cancel = this.#lab.scheduler.after(this.#lab.diskDelay(this.#disk.path), () => {
        this.#life.underWay.delete(tear);
        whole();
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
