/** What a user can do something about: codes are stable, messages are for people. */
export type VmErrorCode =
  | "PROGRAM_MISSING"
  | "PACKAGE_LISTS_MISSING"
  | "PACKAGES_UNAVAILABLE"
  | "IMAGE_BUILD_FAILED"
  | "INVALID_HOST"
  | "HOST_ALREADY_RUNNING"
  | "HOST_NOT_RUNNING"
  | "HOST_DIED"
  | "HOST_START_FAILED"
  | "GUEST_TIMEOUT"
  | "GUEST_PANICKED"
  | "GUEST_AGENT_BUSY"
  | "GUEST_AGENT_ERROR"
  | "GUEST_INPUT_TOO_LARGE"
  | "CONSOLE_BUSY"
  | "QMP_ERROR"
  | "ABORTED";

/**
 * An expected error of this package: the message is one plain sentence, and `details` holds what
 * explains it (the console's last lines, QEMU's stderr), one line each, for whoever wants to show them.
 */
export class VmError extends Error {
  override readonly name = "VmError";
  readonly code: VmErrorCode;
  readonly details: readonly string[];

  constructor(code: VmErrorCode, message: string, options: { details?: readonly string[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? [];
  }
}

/** `error` as one line for a sentence: its message's first line, or itself as text. */
export function sentenceOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n", 1)[0] ?? "").trim();
}
