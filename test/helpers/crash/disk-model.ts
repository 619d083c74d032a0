/**
 * What a disk may hold, sector by sector, while initiators write to it and processes die. Of all writes
 * of a sector the last one that is sure, or any later one, may be found. Sure is what was acknowledged;
 * or, on storage that loses what was not synced, what was acknowledged before a FLUSH began that was answered.
 */
import type { Chance } from "../../simulation/engine/chance.ts";

export const SECTOR = 512;

/** "acknowledged": only processes die; "flushed": what was not synced is lost too. */
export type Surety = "acknowledged" | "flushed";

export interface Write {
  readonly first: number;
  readonly count: number;
  readonly byte: number;
  /** Force unit access: it is on the medium when it is answered. */
  readonly fua: boolean;
}

interface Version {
  readonly byte: number;
  /** Of the model's counter; undefined: not acknowledged. */
  acknowledged?: number;
}

export class DiskModel {
  readonly #surety: Surety;
  readonly #sure: Uint8Array;
  /** In their order, since what is sure. */
  readonly #later = new Map<number, Version[]>();
  readonly #views = new Set<DiskView>();
  #now = 0;

  constructor(bytes: number, surety: Surety) {
    this.#sure = new Uint8Array(bytes / SECTOR);
    this.#surety = surety;
  }

  /** One that begins now, with a byte that none of its sectors may hold yet; `byte`: with this one. */
  begins(
    first: number,
    count: number,
    chance: Chance,
    { byte = this.#fresh(first, count, chance), fua = false }: { readonly byte?: number; readonly fua?: boolean } = {},
  ): Write {
    for (let sector = first; sector < first + count; sector += 1) {
      const versions = this.#later.get(sector) ?? [];
      this.#later.set(sector, [...versions, { byte }]);
      for (const view of this.#views) view.admit(sector, byte);
    }
    return { first, count, byte, fua };
  }

  acknowledged({ first, count, byte, fua }: Write): void {
    this.#now += 1;
    for (let sector = first; sector < first + count; sector += 1) {
      const version = this.#later.get(sector)?.findLast((one) => one.byte === byte);
      if (version !== undefined) version.acknowledged = this.#now;
      if (fua || this.#surety === "acknowledged") this.#becomesSure(sector, this.#now);
    }
  }

  /** A FLUSH begins; call the result when it was answered. */
  flush(): () => void {
    const began = this.#now;
    return () => {
      for (const sector of [...this.#later.keys()]) this.#becomesSure(sector, began);
    };
  }

  allowed(sector: number): number[] {
    return [this.#sure[sector] as number, ...(this.#later.get(sector) ?? []).map(({ byte }) => byte)];
  }

  /** The disk was read while nobody wrote: what was found stays. @returns what it may not hold, as phrases */
  found(contents: Buffer): string[] {
    const problems = problemsOf(contents, this.#sure.length, (sector) => this.allowed(sector));
    for (const sector of this.#later.keys()) this.#sure[sector] = contents[sector * SECTOR] as number;
    this.#later.clear();
    return problems;
  }

  /** A snapshot is asked for now: it may hold what the disk may, and what begins until the view is closed. */
  view(): DiskView {
    const view = new DiskView(
      Uint8Array.from(this.#sure),
      new Map([...this.#later].map(([sector, versions]) => [sector, versions.map(({ byte }) => byte)])),
      () => this.#views.delete(view),
    );
    this.#views.add(view);
    return view;
  }

  #becomesSure(sector: number, when: number): void {
    const versions = this.#later.get(sector) ?? [];
    const at = versions.findLastIndex(({ acknowledged }) => acknowledged !== undefined && acknowledged <= when);
    if (at < 0) return;
    this.#sure[sector] = (versions[at] as Version).byte;
    if (at + 1 === versions.length) this.#later.delete(sector);
    else this.#later.set(sector, versions.slice(at + 1));
  }

  #fresh(first: number, count: number, chance: Chance): number {
    for (;;) {
      const byte = 1 + chance.below(255);
      const isTaken = (at: number) => this.allowed(first + at).includes(byte);
      if (!Array.from({ length: count }, (_, at) => at).some(isTaken)) return byte;
    }
  }
}

/** What a snapshot may hold. */
export class DiskView {
  readonly #sure: Uint8Array;
  readonly #later: Map<number, number[]>;
  readonly close: () => void;

  constructor(sure: Uint8Array, later: Map<number, number[]>, close: () => void) {
    this.#sure = sure;
    this.#later = later;
    this.close = close;
  }

  admit(sector: number, byte: number): void {
    this.#later.set(sector, [...(this.#later.get(sector) ?? []), byte]);
  }

  found(contents: Buffer): string[] {
    return problemsOf(contents, this.#sure.length, (sector) => [
      this.#sure[sector] as number,
      ...(this.#later.get(sector) ?? []),
    ]);
  }
}

function problemsOf(contents: Buffer, sectors: number, allowed: (sector: number) => number[]): string[] {
  const problems: string[] = [];
  if (contents.length !== sectors * SECTOR) return [`it has ${contents.length} bytes`];
  for (let sector = 0; sector < sectors; sector += 1) {
    const bytes = contents.subarray(sector * SECTOR, (sector + 1) * SECTOR);
    const byte = bytes[0] as number;
    if (!bytes.equals(Buffer.alloc(SECTOR, byte))) problems.push(`sector ${sector} is of several bytes`);
    else if (!allowed(sector).includes(byte))
      problems.push(`sector ${sector} holds ${byte} in place of ${allowed(sector).join(" or ")}`);
  }
  return problems;
}
