/** What is wrong, and what a repair makes of it. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  /** What a repair does about it, in a sentence; null: it cannot be mended. */
  readonly repair: string | null;
  /** Something that a disk held, or that somebody set, does not come back by the repair. */
  readonly lost: boolean;
}

/** The same problem of segments that follow one another is told once. */
interface Run {
  readonly code: string;
  readonly of: string;
  readonly says: string;
  readonly repair: string;
  readonly lost: boolean;
  readonly first: number;
  last: number;
}

export class Findings {
  readonly #problems: Problem[] = [];
  #run: Run | undefined;

  add(code: string, message: string, repair: string | null, lost = false): void {
    this.#end();
    this.#problems.push({ code, message, repair, lost });
  }

  /** Of one segment of something: "OF, segments 5 to 9: SAYS." */
  segment(code: string, of: string, segment: number, says: string, repair: string, lost = false): void {
    const run = this.#run;
    const isSame = run?.code === code && run.of === of && run.says === says && run.repair === repair;
    if (run !== undefined && isSame && run.last + 1 === segment) {
      run.last = segment;
      return;
    }
    this.#end();
    this.#run = { code, of, says, repair, lost, first: segment, last: segment };
  }

  get problems(): readonly Problem[] {
    this.#end();
    return this.#problems;
  }

  #end(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    const { code, of, says, repair, lost, first, last } = run;
    const segments = first === last ? `segment ${first}` : `segments ${first} to ${last}`;
    this.#problems.push({ code, message: `${of}, ${segments}: ${says}.`, repair, lost });
  }
}
