/** What is wrong with a storage device for a while: writes that fail, syncs that fail, a file system that is full. */
import type { SimDisk } from "./sim-disk.ts";

export type Trouble = "write" | "full" | "sync";

export interface Descriptor {
  /** Its process is gone. */
  readonly isDead: boolean;
}

/** Errno of a system call that fails. */
export class SimError extends Error {
  readonly code: "EIO" | "ENOSPC";

  constructor(code: "EIO" | "ENOSPC", message: string) {
    super(message);
    this.code = code;
  }
}

/** fdatasync(2) by one descriptor: of what could not be written out each that was open is told once, and who comes later is not (errseq_t). */
export class Syncs {
  readonly #disk: SimDisk;
  #seen: number;

  /** `of`: who has it open. */
  constructor(disk: SimDisk, of: Descriptor) {
    this.#disk = disk;
    this.#seen = disk.failedSyncs;
    disk.descriptors.add(of);
  }

  /** What was written up to `order` is on the medium, or an error. */
  end(order: number): Error | null {
    this.#disk.sync(order);
    const isTold = this.#seen !== this.#disk.failedSyncs;
    this.#seen = this.#disk.failedSyncs;
    return isTold ? new SimError("EIO", `${this.#disk.path} could not be synced`) : null;
  }
}
