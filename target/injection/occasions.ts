/** The part of a fault after `when`: in any order, each once; `always` stands alone. */
import type { Bound, Occasion } from "./rule.ts";
import { DURATION_FORMAT, duration, probability, whole } from "./values.ts";
import { FaultTextError, oneOf, type Word, type Words } from "./words.ts";

type Draft = { -readonly [Key in keyof Occasion]?: Occasion[Key] };

/** How each word reads what follows it, with what stands there and what it means, for docs/faults.md. */
export const OCCASION_WORDS: {
  readonly [Key in keyof Occasion]-?: {
    readonly read: (word: Word) => Occasion[Key];
    readonly value: string;
    readonly meaning: string;
  };
} = {
  every: {
    read: (word) => whole(word, "every how many matches"),
    value: "N",
    meaning: "of the matches between `from` and `until`, every N-th",
  },
  first: { read: (word) => whole(word, "how many times"), value: "N", meaning: "until it has fired N times" },
  probability: {
    read: probability,
    value: "P",
    meaning: "at each match with this probability, above 0 and up to 1, drawn by `seed`",
  },
  seed: {
    read: (word) => whole(word, "a seed", 0),
    value: "N",
    meaning: "of all that is drawn; without it, 0. The same seed gives the same draws for the same matches",
  },
  from: { read: bound, value: "N or TIME", meaning: "from the N-th match on, or so long after the fault was added" },
  until: { read: bound, value: "N or TIME", meaning: "up to the N-th match, or so long after the fault was added" },
};

const KEYS = Object.keys(OCCASION_WORDS) as readonly (keyof Occasion)[];

export const ALWAYS: Occasion = { seed: 0 };

/** Where each word stood, for what is said of it later. */
export interface Occasions {
  readonly occasion: Occasion;
  readonly places: ReadonlyMap<keyof Occasion, Word>;
}

/** Reads until `do`. @throws FaultTextError */
export function readOccasions(words: Words): Occasions {
  const draft: Draft = {};
  const places = new Map<keyof Occasion, Word>();
  if (words.skip("always")) return { occasion: ALWAYS, places };
  while (words.next.text !== "do") {
    const word = words.take();
    const key = KEYS.find((known) => known === word.text);
    if (key === undefined || places.has(key)) {
      throw new FaultTextError(word, `always, or once each ${oneOf(KEYS)}${places.size > 0 ? ", or 'do'" : ""}`);
    }
    places.set(key, word);
    const value = words.take();
    Object.assign(draft, { [key]: OCCASION_WORDS[key].read(value) });
    ordered(draft, value);
  }
  if (places.size === 0) throw new FaultTextError(words.next, `always, ${oneOf(KEYS)} after 'when'`);
  return { occasion: { ...draft, seed: draft.seed ?? 0 }, places };
}

function bound(word: Word): Bound {
  if (/^[0-9]+$/.test(word.text)) return { match: whole(word, "the number of a match") };
  const afterMs = duration(word.text);
  if (afterMs === undefined) throw new FaultTextError(word, `the number of a match, or ${DURATION_FORMAT}`);
  return { afterMs };
}

function ordered({ from, until }: Draft, word: Word): void {
  if (from === undefined || until === undefined) return;
  const isEmpty =
    ("match" in from && "match" in until && until.match < from.match) ||
    ("afterMs" in from && "afterMs" in until && until.afterMs <= from.afterMs);
  if (isEmpty) throw new FaultTextError(word, "an 'until' that comes after 'from'");
}
