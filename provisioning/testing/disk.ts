import type { Disk, MapRow } from "@sanlab/controller/api/resources.ts";
import { exportDiskWith } from "../apply/transfer.ts";
import { settleDiskWith } from "../apply/visibility.ts";
import type { ImageFormat } from "../images/format.ts";
import { parseSize, SIZE_FORMAT } from "../lab/size.ts";
import { UserError } from "../user-error.ts";
import type { Size } from "./definition.ts";
import type { Running } from "./running.ts";

/** A virtual disk of a lab. */
export class DiskHandle {
  readonly name: string;
  readonly #running: Running;

  constructor(running: Running, name: string) {
    this.#running = running;
    this.name = name;
  }

  /** Identity, capacity and space. */
  show(): Promise<Disk> {
    return this.#running.api.get<Disk>(`/disks/${this.name}`);
  }

  /** A row for every segment that is not plain zeros. */
  map(): Promise<MapRow[]> {
    return this.#running.api.get<MapRow[]>(`/disks/${this.name}/map`);
  }

  /** Grows it; guests that run see the new size when this resolves. */
  async resize(size: Size): Promise<void> {
    const sizeBytes = parseSize(size);
    if (sizeBytes === undefined) throw new UserError("USAGE", `'${size}' is no size: write ${SIZE_FORMAT}.`);
    await this.#running.api.patch(`/disks/${this.name}`, { sizeBytes });
    await settleDiskWith(this.#running.options, this.name);
  }

  /** Writes an image of it, replacing a file that is there. */
  async export(file: string, format: ImageFormat = "raw"): Promise<void> {
    await exportDiskWith(this.#running.options, { disk: this.name, file, format, force: true });
  }
}
