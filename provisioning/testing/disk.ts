import type { Disk, MapRow } from "@sanlab/controller/api/resources.ts";
import type { Table, TableRange } from "@sanlab/controller/views/resources.ts";
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

  /** Its further tables, which hosts are shown as `DISK/TABLE`. */
  async tables(): Promise<Table[]> {
    return (await this.#running.api.get<Table[]>("/tables")).filter(({ disk }) => disk === this.name);
  }

  /** Makes a further table: these segments, in the order in which hosts are to see them. */
  addTable(name: string, ranges: readonly TableRange[]): Promise<Table> {
    return this.#running.api.post<Table>(`/disks/${this.name}/tables`, { name, ranges });
  }

  /** Takes a further table away that no host is shown any more. */
  async removeTable(name: string): Promise<void> {
    await this.#running.api.delete(`/disks/${this.name}/tables/${name}`);
  }

  /** Writes an image of it, replacing a file that is there. */
  async export(file: string, format: ImageFormat = "raw"): Promise<void> {
    await exportDiskWith(this.#running.options, { disk: this.name, file, format, force: true });
  }
}
