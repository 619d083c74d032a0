/**
 * The tables of all families: their chunks are there, each entry is one, and each location is a place
 * on a device that one segment of one family holds. What two hold is whose nobody can tell: it fails for
 * both, and stays under the error of the first, so that nobody reads what is another's unknowingly.
 */
import { CHUNK_ENTRIES, EntryState, SENSE_BITS } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, segmentOf, statesOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { DiskRecord } from "../records.ts";
import type { Claims, Place } from "./claims.ts";
import type { Findings } from "./problem.ts";
import { lose, type Stored } from "./stored.ts";

const PLACE_BITS = 0x0fff_ffff;
/** Columns looked at in one turn of the event loop. */
const COLUMNS_AT_ONCE = 64;
const FAILS = "It fails when it is read.";
const KEPT = "It fails until the error is cleared ('sanlab disk clear-error').";

export class Places {
  readonly #stored: Stored;
  readonly #findings: Findings;
  readonly #claims: Claims;
  /** Tables that are looked at after all others. */
  readonly #found: ReadonlySet<string>;
  /** Families in the order in which they are looked at. */
  readonly #families: DiskRecord[][] = [];
  /** Where each chunk is named: family and index in its roots. */
  readonly #named = new Map<number, Place>();

  constructor(stored: Stored, findings: Findings, claims: Claims, found: ReadonlySet<string>) {
    this.#stored = stored;
    this.#findings = findings;
    this.#claims = claims;
    this.#found = found;
  }

  async examine(): Promise<void> {
    const families = [...Map.groupBy(this.#stored.records.disks.values(), ({ family }) => family).values()];
    const isFound = (disks: DiskRecord[]) => disks.every(({ table }) => this.#found.has(table));
    for (const disks of [...families.filter((all) => !isFound(all)), ...families.filter(isFound)]) {
      this.#families.push(disks);
      const columns = Math.max(0, ...disks.map(({ table }) => this.#stored.roots.get(table)?.length ?? 0));
      for (let index = 0; index < columns; index += 1) {
        this.#column(disks, index);
        if (index % COLUMNS_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  #column(disks: readonly DiskRecord[], index: number): void {
    const [found, others] = [true, false].map((is) => disks.filter(({ table }) => this.#found.has(table) === is));
    for (const holders of [others ?? [], found ?? []]) {
      for (const [number, theirs] of Map.groupBy(holders, ({ table }) => this.#stored.roots.get(table)?.[index] ?? 0)) {
        if (number === 0) continue;
        this.#chunk(theirs as [DiskRecord, ...DiskRecord[]], index, number);
      }
    }
  }

  /** A chunk at one index of the roots of some disks. */
  #chunk(disks: readonly [DiskRecord, ...DiskRecord[]], index: number, number: number): void {
    const place: Place = { family: this.#families.length - 1, segment: index };
    const named = this.#named.get(number);
    const isTwice = named !== undefined && (named.family !== place.family || named.segment !== index);
    if (isTwice) this.#twice(named, number, disks, index);
    const isMissing = !this.#stored.chunks.has(number);
    if (isMissing)
      this.#findings.add(
        "chunk-missing",
        `Chunk ${number} of disk ${names(disks)} is missing.`,
        `Segments ${segmentsOf(index)} fail when they are read.`,
        true,
      );
    if (isTwice || isMissing) return this.#replace(disks, index);
    this.#named.set(number, place);
    this.#length(disks, index, number);
    this.#entries(disks, index, number);
  }

  #twice(named: Place, number: number, disks: readonly DiskRecord[], index: number): void {
    const [first] = this.#families[named.family] as [DiskRecord, ...DiskRecord[]];
    this.#findings.add(
      "chunk-twice",
      `Chunk ${number} is named by disk ${names(disks)} for segments ${segmentsOf(index)}, and by the family of disk '${first.name}' for ${segmentsOf(named.segment)}.`,
      "Both fail when they are read; what the chunk holds stays under the errors of the latter.",
      true,
    );
    const entries = this.#stored.chunks.get(number) as Uint32Array;
    for (let at = 0; at < entries.length; at += 2)
      if (deviceOf(entries[at + 1] as number) !== 0) lose(entries, at, true);
    this.#stored.changed(number);
  }

  #replace(disks: readonly DiskRecord[], index: number): void {
    const number = this.#stored.addLostChunk();
    this.#named.set(number, { family: this.#families.length - 1, segment: index });
    for (const { table } of disks) {
      const root = (this.#stored.roots.get(table) as Uint32Array).slice();
      root[index] = number;
      this.#stored.setRoot(table, root);
    }
  }

  #length(disks: readonly DiskRecord[], index: number, number: number): void {
    const length = this.#stored.tornChunks.get(number);
    if (length === undefined) return;
    const entries = this.#stored.chunks.get(number) as Uint32Array;
    const whole = new Uint32Array(CHUNK_ENTRIES * 2);
    whole.set(entries);
    for (let at = entries.length; at < whole.length; at += 2) lose(whole, at);
    this.#stored.chunks.set(number, whole);
    this.#stored.changed(number);
    const first = index * CHUNK_ENTRIES + entries.length / 2;
    const isShort = entries.length < whole.length;
    this.#findings.add(
      "chunk-size",
      `Chunk ${number} of disk ${names(disks)} has ${length} bytes, and must have ${CHUNK_ENTRIES * 8}.`,
      isShort
        ? `Segments ${first} to ${(index + 1) * CHUNK_ENTRIES - 1} fail when they are read.`
        : "It is cut to that.",
      isShort,
    );
  }

  #entries(disks: readonly [DiskRecord, ...DiskRecord[]], index: number, number: number): void {
    const entries = this.#stored.chunks.get(number) as Uint32Array;
    let isChanged = false;
    for (let at = 0; at < entries.length; at += 2) {
      // What is plainly zero, most of all tables.
      if (entries[at] === EntryState.ZERO && entries[at + 1] === 0) continue;
      const segment = index * CHUNK_ENTRIES + at / 2;
      if (!this.#entry(disks, entries, at, segment)) isChanged = true;
    }
    if (isChanged) this.#stored.changed(number);
  }

  /** False where the entry has been changed. */
  #entry(disks: readonly [DiskRecord, ...DiskRecord[]], entries: Uint32Array, at: number, segment: number): boolean {
    const [word0, word1] = [entries[at] as number, entries[at + 1] as number];
    const [device, place] = [deviceOf(word1), segmentOf(word0)];
    const of = `Disk ${names(disks)}`;
    const isEntry = isStored(word0, word1);
    if (device !== 0 && !this.#claims.isPlace(device, place)) {
      const says = `said to lie at a place which no device of this lab has (device ${device})`;
      this.#findings.segment("location", of, segment, says, FAILS, true);
      lose(entries, at);
      return false;
    }
    if (!isEntry) {
      this.#findings.segment("entry", of, segment, "no entry that there can be", device === 0 ? FAILS : KEPT, true);
      lose(entries, at, device !== 0);
    }
    if (device === 0) return isEntry;
    const holder = this.#claims.claim(device, place, { family: this.#families.length - 1, segment });
    if (holder === undefined) return isEntry;
    this.#shared(disks, entries, at, segment, holder);
    return false;
  }

  #shared(
    disks: readonly [DiskRecord, ...DiskRecord[]],
    entries: Uint32Array,
    at: number,
    segment: number,
    holder: Place,
  ): void {
    const [device, place] = [deviceOf(entries[at + 1] as number), segmentOf(entries[at] as number)];
    const path = this.#stored.records.devices.get(String(device))?.path;
    const others = this.#holders(holder, device, place);
    const says = `segment ${place} of ${path}, which segment ${holder.segment} of disk ${names(others.map(([disk]) => disk))} holds too`;
    const repair = "Both fail when they are read; the place stays under the error of the latter.";
    this.#findings.segment("shared", `Disk ${names(disks)}`, segment, says, repair, true);
    lose(entries, at);
    for (const [, number] of others) {
      const theirs = this.#stored.chunks.get(number) as Uint32Array;
      lose(theirs, (holder.segment % CHUNK_ENTRIES) * 2, true);
      this.#stored.changed(number);
    }
  }

  /** The disks of a family, and their chunks, that have a location at a segment. */
  #holders({ family, segment }: Place, device: number, place: number): (readonly [DiskRecord, number])[] {
    const at = (segment % CHUNK_ENTRIES) * 2;
    return (this.#families[family] as DiskRecord[]).flatMap((disk) => {
      const number = this.#stored.roots.get(disk.table)?.[Math.floor(segment / CHUNK_ENTRIES)] ?? 0;
      const entries = this.#stored.chunks.get(number);
      if (entries === undefined || deviceOf(entries[at + 1] ?? 0) !== device) return [];
      return segmentOf(entries[at] as number) === place ? [[disk, number] as const] : [];
    });
  }
}

/** As entries stand in the store: zero or a place, either perhaps under E with its sense. Nw is derived, and Inv is agents'. */
function isStored(word0: number, word1: number): boolean {
  const states = statesOf(word0);
  const hasError = (states & EntryState.ERROR) !== 0;
  if (!hasError && (word1 & SENSE_BITS) !== 0) return false;
  const beneath = (states & ~EntryState.ERROR) >>> 0;
  return deviceOf(word1) === 0 ? beneath === EntryState.ZERO && (word0 & PLACE_BITS) === 0 : beneath === 0;
}

function segmentsOf(index: number): string {
  return `${index * CHUNK_ENTRIES} to ${(index + 1) * CHUNK_ENTRIES - 1}`;
}

function names(disks: readonly DiskRecord[]): string {
  const [first, ...others] = disks.map(({ name }) => `'${name}'`);
  return others.length === 0 ? `${first}` : `${first} (and ${others.length} that share with it)`;
}
