/** The one source of chance of a run: the same seed makes the same choices in the same order. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x5ee_d5a1) >>> 0;
    // Neighbouring seeds begin alike; a few steps part them.
    for (let step = 0; step < 4; step += 1) this.next();
  }

  /** Evenly from [0, 1), of 2^32 values (mulberry32, public domain). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let hash = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    hash = (hash + Math.imul(hash ^ (hash >>> 7), 61 | hash)) ^ hash;
    return ((hash ^ (hash >>> 14)) >>> 0) / 2 ** 32;
  }

  hit(probability: number): boolean {
    return this.next() < probability;
  }

  /** Evenly from [0, count), whole. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  /** Mostly short, sometimes long: what makes orders change. `mean` in ms. */
  delay(mean: number): number {
    return this.hit(0.1) ? mean * this.between(1, 20) : mean * this.next();
  }

  pick<T>(things: readonly T[]): T {
    if (things.length === 0) throw new RangeError("nothing to pick from");
    return things[this.below(things.length)] as T;
  }

  /** One key of a table of weights. */
  weighted<K extends string>(weights: Readonly<Partial<Record<K, number>>>): K {
    const rows = Object.entries(weights) as [K, number][];
    let rest = this.next() * rows.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of rows) {
      rest -= weight;
      if (rest < 0) return key;
    }
    return (rows.at(-1) as [K, number])[0];
  }
}
