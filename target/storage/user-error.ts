/** Something that a person said or has cannot be used: one plain sentence, never a stack trace. */
export class UserError extends Error {
  readonly code: string;

  constructor(code: string, sentence: string) {
    super(sentence);
    this.code = code;
  }
}
