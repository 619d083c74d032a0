/** What happened, as lines: the last of them for people, and a hash over all that tells two runs apart. */
const KEPT_LINES = 400;

export class Trace {
  #hash = 0x811c9dc5;
  #lines: string[] = [];
  #count = 0;
  /** Sees every line, for a run that is watched. */
  watch: ((line: string) => void) | undefined;

  add(line: string): void {
    // FNV-1a, 32 bits.
    let hash = this.#hash;
    for (let at = 0; at < line.length; at += 1) hash = Math.imul(hash ^ line.charCodeAt(at), 0x01000193);
    this.#hash = hash;
    this.#count += 1;
    this.#lines.push(line);
    if (this.#lines.length > 2 * KEPT_LINES) this.#lines = this.#lines.slice(-KEPT_LINES);
    this.watch?.(line);
  }

  get hash(): string {
    return `${(this.#hash >>> 0).toString(16).padStart(8, "0")}-${this.#count}`;
  }

  last(count: number): string[] {
    return count === 0 ? [] : this.#lines.slice(-count);
  }
}
