/** What a person can do something about: codes are stable, messages are for people. */
export type UserErrorCode =
  | "DEVICE_MISSING"
  | "DEVICE_FORBIDDEN"
  | "DEVICE_IN_USE"
  | "DEVICE_UNSUITABLE"
  | "DEVICE_SIZE"
  | "DEVICE_NO_SPACE"
  | "DEVICE_READ_ONLY"
  | "DEVICE_FAILED"
  | (string & {});

/** Something that a person said or has cannot be used: the message is one plain sentence, never a stack trace. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly code: UserErrorCode;

  constructor(code: UserErrorCode, sentence: string, options: { cause?: unknown } = {}) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
