/** A scenario as it stands in its file, after `scenario.schema.json` has checked its shape. */
export interface RawScenario {
  readonly scenario: string;
  readonly description?: string;
  readonly lab?: string;
  readonly limit?: string;
  readonly timeline: readonly RawStep[];
}

export interface RawStep {
  readonly name?: string;
  readonly at?: string;
  readonly after?: string;
  readonly when?: RawCondition;
  readonly every?: string;
  readonly times?: number;
  readonly until?: RawCondition;
  readonly within?: string;
  readonly holds?: string;
  readonly expect?: RawCondition;
  readonly fault?: string;
  readonly as?: string;
  readonly clear?: string;
  readonly sanlab?: string | readonly string[];
  readonly exit?: number;
  readonly says?: string;
  readonly run?: RawGuestCommand;
  readonly load?: RawLoad;
  readonly stop?: string;
  readonly remember?: RawMemory;
}

/** Of a disk as a host reads it, or of how far a load has come. */
export interface RawMemory {
  readonly host?: string;
  readonly disk?: string;
  readonly load?: string;
  readonly as: string;
}

export interface RawGuestCommand {
  readonly host: string;
  readonly command: readonly string[];
  readonly exit?: number;
  readonly output?: string;
}

export interface RawLoad {
  readonly name: string;
  readonly host: string;
  readonly disk?: string;
  readonly file?: string;
  readonly kind?: "write" | "read";
  readonly block?: string;
  readonly blocks?: number;
  readonly every?: string;
}

type RawCount = number | string;
export interface RawCondition {
  readonly paths?: {
    readonly host: string;
    readonly disk: string;
    readonly active?: RawCount;
    readonly total?: RawCount;
    readonly optimized?: RawCount;
  };
  readonly load?: {
    readonly name: string;
    readonly since?: string;
    readonly done?: RawCount;
    readonly errors?: RawCount;
    readonly pause?: string;
    readonly idle?: string;
    readonly intact?: true;
  };
  readonly command?: RawGuestCommand;
  readonly contents?: {
    readonly host: string;
    readonly disk: string;
    readonly like?: string;
    readonly same?: string;
    readonly equal?: boolean;
  };
  readonly consistent?: boolean;
  readonly controller?: RawRow;
  readonly agent?: RawRow;
  readonly guest?: RawRow;
  readonly fault?: RawRow;
  readonly disk?: RawRow;
  readonly pool?: RawRow;
}
export type RawRow = Readonly<Record<string, RawCount>>;

/** What a step does: exactly one of these keys. */
export const DOINGS = ["expect", "fault", "clear", "sanlab", "run", "load", "stop", "remember"] as const;
export type DoingKey = (typeof DOINGS)[number];

/** The words of a `sanlab` step. */
export function wordsOf(sanlab: string | readonly string[]): readonly string[] {
  return typeof sanlab === "string" ? sanlab.split(/\s+/).filter((word) => word !== "") : sanlab;
}

/** Stands in a guest's command for the device of a disk there. */
export const DISK_WORD = /\{disk:([a-z0-9-]+)\}/g;

export function disksIn(word: string): string[] {
  return [...word.matchAll(DISK_WORD)].map(([, name = ""]) => name);
}
