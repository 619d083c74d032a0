/** Exit codes of every verb, as scripts may rely on them. */
export const ExitCode = { DONE: 0, REFUSED: 1, USAGE: 2, NOT_RUNNING: 3 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What went wrong for a reason that a user can do something about; codes are stable. */
export type UserErrorCode =
  | "LAB_FILE"
  | "LAB_CONFLICT"
  | "USAGE"
  | "NOT_RUNNING"
  | "BUSY"
  | "INTERRUPTED"
  | "STATE_VERSION"
  | "STATE_DIRECTORY"
  | "SUPERVISOR"
  | "CONTROLLER"
  | "AGENT"
  | "HOST"
  | "DEVICE"
  | "REFUSED";

/** An expected error: its message is one sentence that says what was wrong, where, and what to do. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly code: UserErrorCode;
  readonly exitCode: number;
  /** Further lines for people, below the sentence: the errors of a lab file, the last lines of a log. */
  readonly details: readonly string[];

  constructor(
    code: UserErrorCode,
    message: string,
    options: { exitCode?: number; details?: readonly string[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode ?? ExitCode.REFUSED;
    this.details = options.details ?? [];
  }
}
