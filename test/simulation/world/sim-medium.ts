/** Storage devices as one process of the controller has them: whole segments zeroed, durably. */
import type { Adopted, Medium, MediumSource } from "@sanlab/controller/devices/medium.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import type { Lab } from "./lab.ts";
import type { ControllerLife } from "./sim-controller.ts";
import { SEGMENT_BYTES, type SimDisk } from "./sim-disk.ts";
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
