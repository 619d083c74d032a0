import { sentenceOf } from "../errors.ts";

/** One effect that can be taken back. */
export interface Undo {
  /** What taking it back does, in the imperative. */
  readonly text: string;
  readonly run: () => Promise<void>;
}

/** What was done and how it is taken back, the newest first. */
export class UndoStack {
  readonly #undos: Undo[] = [];

  /** Registers an effect, before it is begun where it may end half done. The result forgets it again. */
  push(text: string, run: () => Promise<void>): () => void {
    const undo = { text, run };
    this.#undos.push(undo);
    return () => {
      const at = this.#undos.indexOf(undo);
      if (at >= 0) this.#undos.splice(at, 1);
    };
  }

  /** What was done so far stays. */
  clear(): void {
    this.#undos.length = 0;
  }

  /** Takes everything back. One that fails does not keep the others; the result says what could not be done, and why. */
  async undoAll(): Promise<string[]> {
    const failures: string[] = [];
    for (let undo = this.#undos.pop(); undo !== undefined; undo = this.#undos.pop()) {
      try {
        await undo.run();
      } catch (error) {
        failures.push(`could not ${undo.text}: ${sentenceOf(error)}`);
      }
    }
    return failures;
  }
}
