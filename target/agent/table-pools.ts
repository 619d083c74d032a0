/** On whose devices the segments of each table lie: all of them are synced by a flush (docs/protocol.md, rule 7). */
import type { BlockDevice } from "../storage/block-device.ts";

export class TablePools {
  readonly #pools = new Map<string, readonly string[]>();

  set(table: string, pools: readonly string[]): void {
    this.#pools.set(table, pools);
  }
  delete(table: string): void {
    this.#pools.delete(table);
  }

  devicesOf(table: string, open: Iterable<{ readonly device: BlockDevice; readonly pool: string }>): BlockDevice[] {
    const pools = this.#pools.get(table) ?? [];
    return [...open].filter(({ pool }) => pools.includes(pool)).map(({ device }) => device);
  }
}
