/** How many connections an address may open in a second: a token bucket for each that was heard of lately. */

const REFILL_MS = 1000;

interface Bucket {
  tokens: number;
  /** When `tokens` was right. */
  atMs: number;
}

export class LoginRate {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();
  #sweptMs = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Whether one more may come now. `nowMs` never goes back. */
  admits(address: string, nowMs: number): boolean {
    this.#sweep(nowMs);
    const bucket = this.#buckets.get(address) ?? { tokens: this.#perSecond, atMs: nowMs };
    const refilled = bucket.tokens + ((nowMs - bucket.atMs) * this.#perSecond) / REFILL_MS;
    bucket.tokens = Math.min(this.#perSecond, refilled);
    bucket.atMs = nowMs;
    this.#buckets.set(address, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Forgets those whose buckets are full again: what is kept is bounded by what comes in a second or two. */
  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < REFILL_MS) return;
    this.#sweptMs = nowMs;
    for (const [address, { atMs }] of this.#buckets) if (nowMs - atMs >= REFILL_MS) this.#buckets.delete(address);
  }
}
