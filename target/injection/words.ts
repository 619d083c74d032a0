/** The text of a fault, word by word; every refusal names the column, what stands there and what was expected. */
import { UserError } from "../storage/user-error.ts";

export interface Word {
  readonly text: string;
  /** 1 for the first character. */
  readonly column: number;
}

/** Text that is no fault, in one sentence. */
export class FaultTextError extends UserError {
  readonly column: number;
  readonly found: string;
  readonly expected: string;

  constructor({ text, column }: Word, expected: string) {
    const shown = text.length > 40 ? `${text.slice(0, 37)}...` : text;
    const found = text === "" ? "the end of the text" : `'${shown}'`;
    super("fault-text", `The fault is wrong at column ${column}: found ${found}, expected ${expected}.`);
    this.column = column;
    this.found = found;
    this.expected = expected;
  }
}

/** Longer text than any fault needs is refused before it is read. */
export const MAX_FAULT_CHARACTERS = 1000;

export class Words {
  readonly #words: readonly Word[];
  readonly #end: Word;
  #at = 0;

  constructor(text: string) {
    if (text.length > MAX_FAULT_CHARACTERS) {
      const rest = { text: text.slice(MAX_FAULT_CHARACTERS), column: MAX_FAULT_CHARACTERS + 1 };
      throw new FaultTextError(rest, `at most ${MAX_FAULT_CHARACTERS} characters`);
    }
    this.#words = [...text.matchAll(/\S+/g)].map((match) => ({ text: match[0], column: match.index + 1 }));
    this.#end = { text: "", column: text.trimEnd().length + 1 };
  }

  /** The word that comes next; of empty text at the end. */
  get next(): Word {
    return this.#words[this.#at] ?? this.#end;
  }

  take(): Word {
    const word = this.next;
    this.#at += 1;
    return word;
  }

  /** Takes the next word where it is this one. */
  skip(text: string): boolean {
    if (this.next.text !== text) return false;
    this.#at += 1;
    return true;
  }

  /** @throws FaultTextError where words are left. */
  finish(): void {
    if (this.next.text !== "") throw new FaultTextError(this.next, "the end of the text");
  }
}

/** "a, b or c" */
export function oneOf(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
