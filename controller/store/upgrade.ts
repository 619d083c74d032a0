/**
 * Stores of older versions are brought to this one when they are opened, in one transaction.
 *
 * Version 1 had a record for each used segment (`segment/DEVICE/SEGMENT`) and for each chunk of a table
 * (`chunk-holder/CHUNK/TABLE`), and no families: version 2 has pages of bits, and counts per table.
 * Version 3 may have further tables of disks (`view/DISK/TABLE`), and exports of them, which an older
 * program would take for exports of the disks as a whole; there is nothing to change in what was there.
 */
import type { DatabaseSync } from "node:sqlite";
import { SegmentBits } from "../space/segment-bits.ts";
import { USED_PAGE_BYTES } from "../space/used-map.ts";
import {
  chunkKey,
  type Location,
  locationAt,
  locationName,
  rootKey,
  runsOf,
  usedKey,
  words,
} from "../tables/layout.ts";

type Json = Record<string, unknown>;

export function upgradeFrom1(database: DatabaseSync): void {
  const entries = new Entries(database);
  const named = new Set<string>();
  for (const [key, disk] of entries.json("disk/")) {
    const { generation: _, ...kept } = disk;
    const table = String(disk.table);
    let mapped = 0;
    for (const location of tableLocations(entries, table)) {
      named.add(locationName(location));
      mapped += 1;
    }
    const added = { family: table, origin: null, kind: "disk", readOnly: false, createdAt: new Date(0).toISOString() };
    entries.putJson(key, { ...kept, ...added });
    entries.putJson(`usage/${table}`, { table, mapped, own: mapped });
  }
  const used = entries.keys("segment/").map((key) => {
    const [, device, segment] = key.split("/") as [string, string, string];
    return { device: Number.parseInt(device, 16), segment: Number.parseInt(segment, 16) };
  });
  putPages(entries, used);
  // A record without a table was left by a crash: its segment is punched and freed at the start.
  const left = used.filter((location) => !named.has(locationName(location)));
  if (left.length > 0) entries.putJson("releasing/1", { id: "1", runs: runsOf(left), tables: [] });
  for (const key of [...entries.keys("segment/"), ...entries.keys("chunk-holder/")]) entries.delete(key);
}

function* tableLocations(entries: Entries, table: string): Generator<Location> {
  for (const number of words(entries.get(rootKey(table)))) {
    const chunk = number === 0 ? new Uint32Array(0) : words(entries.get(chunkKey(number)));
    for (let at = 0; at < chunk.length; at += 2) {
      const location = locationAt(chunk, at);
      if (location !== undefined) yield location;
    }
  }
}

function putPages(entries: Entries, used: readonly Location[]): void {
  for (const [, record] of entries.json("device/")) {
    const { device, segments } = record as { device: number; segments: number };
    const bits = new SegmentBits(segments);
    for (const location of used) if (location.device === device) bits.set(location.segment);
    for (let page = 0; page * USED_PAGE_BYTES * 8 < segments; page += 1) {
      entries.put(usedKey(device, page), bits.page(page, USED_PAGE_BYTES));
    }
  }
}

class Entries {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get(key: string): Uint8Array | undefined {
    const row = this.#database.prepare("SELECT value FROM entries WHERE key = ?").get(key);
    return (row as { value: Uint8Array } | undefined)?.value;
  }
  keys(prefix: string): string[] {
    const rows = this.#database
      .prepare("SELECT key FROM entries WHERE key >= ? AND key < ? ORDER BY key")
      .all(prefix, `${prefix}\u{10ffff}`);
    return (rows as { key: string }[]).map(({ key }) => key);
  }
  json(prefix: string): [key: string, value: Json][] {
    return this.keys(prefix).map((key) => [
      key,
      JSON.parse(Buffer.from(this.get(key) as Uint8Array).toString()) as Json,
    ]);
  }
  put(key: string, value: Uint8Array): void {
    this.#database.prepare("INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)").run(key, value);
  }
  putJson(key: string, value: Json): void {
    this.put(key, Buffer.from(JSON.stringify(value)));
  }
  delete(key: string): void {
    this.#database.prepare("DELETE FROM entries WHERE key = ?").run(key);
  }
}
