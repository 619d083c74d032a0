/**
 * The tables of all families: their chunks are there, each entry is one, and each location is a place
 * on a device that one segment of one family holds. What two hold is whose nobody can tell: it fails for
 * both, and stays under the error of the first, so that nobody reads what is another's unknowingly.
 */
import { CHUNK_ENTRIES, EntryState, SENSE_BITS } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, segmentOf, statesOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { DiskRecord } from "../records.ts";
import type { Claims, Place } from "./claims.ts";
import type { Extents } from "./descriptions.ts";
import { COLUMNS_AT_ONCE, turn } from "./pace.ts";
import type { Findings } from "./problem.ts";
import { lose, type Stored } from "./stored.ts";

const PLACE_BITS = 0x0fff_ffff;
const FAILS = "It fails when it is read.";
const KEPT = "It fails until the error is cleared ('sanlab disk clear-error').";

export class Places {
  readonly #stored: Stored;
  readonly #findings: Findings;
  readonly #claims: Claims;
  readonly #extents: Extents;
  /** Tables that are looked at after all others. */
  readonly #found: ReadonlySet<string>;
  /** Families in the order in which they are looked at. */
  readonly #families: DiskRecord[][] = [];
  /** Where each chunk is named: family and index in its roots. */
  readonly #named = new Map<number, Place>();

  constructor(stored: Stored, findings: Findings, claims: Claims, extents: Extents, found: ReadonlySet<string>) {
    this.#extents = extents;
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
        await this.#column(disks, index);
        if (index % COLUMNS_AT_ONCE === 0) await turn();
      }
    }
  }

  async #column(disks: readonly DiskRecord[], index: number): Promise<void> {
    const [found, others] = [true, false].map((is) => disks.filter(({ table }) => this.#found.has(table) === is));
    for (const holders of [others ?? [], found ?? []]) {
      for (const [number, theirs] of Map.groupBy(holders, ({ table }) => this.#stored.roots.get(table)?.[index] ?? 0)) {
        if (number === 0) continue;
        await this.#chunk(theirs as [DiskRecord, ...DiskRecord[]], index, number);
      }
    }
  }

  /** A chunk at one index of the roots of some disks. */
  async #chunk(disks: readonly [DiskRecord, ...DiskRecord[]], index: number, number: number): Promise<void> {
    const place: Place = { family: this.#families.length - 1, segment: index };
    const named = this.#named.get(number);
    const isTwice = named !== undefined && (named.family !== place.family || named.segment !== index);
    if (isTwice) await this.#twice(named, number, disks, index);
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
    const entries = this.#whole(disks, index, number, (await this.#stored.chunks.get(number)) as Uint32Array);
    await this.#entries(disks, index, number, entries);
  }

  async #twice(named: Place, number: number, disks: readonly DiskRecord[], index: number): Promise<void> {
    const [first] = this.#families[named.family] as [DiskRecord, ...DiskRecord[]];
    this.#findings.add(
      "chunk-twice",
      `Chunk ${number} is named by disk ${names(disks)} for segments ${segmentsOf(index)}, and by the family of disk '${first.name}' for ${segmentsOf(named.segment)}.`,
      "Both fail when they are read; what the chunk holds stays under the errors of the latter.",
      true,
    );
    const entries = (await this.#stored.chunks.get(number)) as Uint32Array;
    for (let at = 0; at < entries.length; at += 2)
      if (deviceOf(entries[at + 1] as number) !== 0) lose(entries, at, true);
    this.#stored.setChunk(number, entries);
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

  /** Its entries, as many as there must be. */
  #whole(disks: readonly DiskRecord[], index: number, number: number, entries: Uint32Array): Uint32Array {
    const length = this.#stored.chunks.torn.get(number);
    if (length === undefined) return entries;
    const whole = new Uint32Array(CHUNK_ENTRIES * 2);
    whole.set(entries);
    for (let at = entries.length; at < whole.length; at += 2) lose(whole, at);
    this.#stored.setChunk(number, whole);
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
    return whole;
  }

  async #entries(
    disks: readonly [DiskRecord, ...DiskRecord[]],
    index: number,
    number: number,
    entries: Uint32Array,
  ): Promise<void> {
    let isChanged = false;
    let last = -1;
    let before = 0;
    const devices = new Set<number>();
    for (let at = 0; at < entries.length; at += 2) {
      // What is plainly zero, most of all tables.
      if (entries[at] === EntryState.ZERO && entries[at + 1] === 0) continue;
      const segment = index * CHUNK_ENTRIES + at / 2;
      const found = this.#entry(disks, entries, at, segment);
      if (found !== "right") {
        isChanged = true;
        // Whoever looks at the chunk meanwhile sees it as it is now.
        this.#stored.chunks.set(number, entries);
        if (found !== "wrong") await this.#shared(disks, entries, at, segment, found);
      }
      const device = deviceOf(entries[at + 1] as number);
      if (device === 0) continue;
      last = segment;
      if (device !== before) devices.add(device);
      before = device;
    }
    if (last >= 0) this.#extents.note(disks, last, devices);
    if (isChanged) this.#stored.setChunk(number, entries);
  }

  /** Wrong, and changed; or another that holds what it does. */
  #entry(
    disks: readonly [DiskRecord, ...DiskRecord[]],
    entries: Uint32Array,
    at: number,
    segment: number,
  ): "right" | "wrong" | Place {
    const [word0, word1] = [entries[at] as number, entries[at + 1] as number];
    const [device, place] = [deviceOf(word1), segmentOf(word0)];
    const isEntry = isStored(word0, word1);
    if (device !== 0 && !this.#claims.isPlace(device, place)) {
      const says = `said to lie at a place which no device of this lab has (device ${device})`;
      this.#findings.segment("location", `Disk ${names(disks)}`, segment, says, FAILS, true);
      lose(entries, at);
      return "wrong";
    }
    if (!isEntry) this.#unstored(disks, entries, at, segment);
    const holder = device === 0 ? undefined : this.#claims.claim(device, place, this.#families.length - 1, segment);
    return holder ?? (isEntry ? "right" : "wrong");
  }

  /** States that are not stored. Nw beside a place says nothing that the tables do not say. */
  #unstored(disks: readonly DiskRecord[], entries: Uint32Array, at: number, segment: number): void {
    const [word0, word1] = [entries[at] as number, entries[at + 1] as number];
    const isPlace = deviceOf(word1) !== 0;
    const writable = (word0 & ~EntryState.NO_WRITE) >>> 0;
    const isDerived = isPlace && isStored(writable, word1);
    const [says, repair] = isDerived
      ? ["Nw, which is not stored", "It is taken away."]
      : ["no entry that there can be", isPlace ? KEPT : FAILS];
    this.#findings.segment("entry", `Disk ${names(disks)}`, segment, says as string, repair as string, !isDerived);
    if (isDerived) entries[at] = writable;
    else lose(entries, at, isPlace);
  }

  async #shared(
    disks: readonly [DiskRecord, ...DiskRecord[]],
    entries: Uint32Array,
    at: number,
    segment: number,
    holder: Place,
  ): Promise<void> {
    const [device, place] = [deviceOf(entries[at + 1] as number), segmentOf(entries[at] as number)];
    const path = this.#stored.records.devices.get(String(device))?.path;
    const others = await this.#holders(holder, device, place);
    const says = `segment ${place} of ${path}, which segment ${holder.segment} of disk ${names(others.map(([disk]) => disk))} holds too`;
    const repair = "Both fail when they are read; the place stays under the error of the latter.";
    this.#findings.segment("shared", `Disk ${names(disks)}`, segment, says, repair, true);
    lose(entries, at);
    for (const [, number] of others) {
      const theirs = (await this.#stored.chunks.get(number)) as Uint32Array;
      lose(theirs, (holder.segment % CHUNK_ENTRIES) * 2, true);
      this.#stored.setChunk(number, theirs);
    }
  }

  /** The disks of a family, and their chunks, that have a location at a segment. */
  async #holders(
    { family, segment }: Place,
    device: number,
    place: number,
  ): Promise<(readonly [DiskRecord, number])[]> {
    const at = (segment % CHUNK_ENTRIES) * 2;
    const holders: (readonly [DiskRecord, number])[] = [];
    for (const disk of this.#families[family] as DiskRecord[]) {
      const number = this.#stored.roots.get(disk.table)?.[Math.floor(segment / CHUNK_ENTRIES)] ?? 0;
      const entries = await this.#stored.chunks.get(number);
      if (entries === undefined || deviceOf(entries[at + 1] ?? 0) !== device) continue;
      if (segmentOf(entries[at] as number) === place) holders.push([disk, number]);
    }
    return holders;
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
