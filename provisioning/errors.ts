import { Refusal } from "@sanlab/controller/user-error.ts";
import { VmError } from "@sanlab/vm/vm-error.ts";
import { UserError as TargetError } from "node-iscsi-target/storage/user-error.ts";
import { ExitCode, UserError } from "./user-error.ts";

/** The system's code of an error (`ENOENT`), or "". */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** What the machine refuses, as sentences. `path` is in most of the system's errors. */
const SYSTEM_ERRORS: Readonly<Record<string, (what: string) => string>> = {
  ENOSPC: (what) => `No space is left on the file system of ${what}: free some and try again.`,
  EDQUOT: (what) => `The disk quota is used up at ${what}: free some space and try again.`,
  EACCES: (what) => `Permission to use ${what} was denied: run as its owner, or choose another place.`,
  EPERM: (what) => `Permission to use ${what} was denied: run as its owner, or choose another place.`,
  EROFS: (what) => `The file system of ${what} is read-only: choose another place.`,
  EMFILE: () => "Too many files are open: raise the limit (ulimit -n) and try again.",
  ENFILE: () => "Too many files are open on this machine: close some programs and try again.",
  ENOMEM: () => "The machine is out of memory: stop some programs and try again.",
  ENAMETOOLONG: (what) => `The path ${what} is too long: choose a shorter one.`,
  EISDIR: (what) => `${what} is a directory, and a file was expected.`,
  ENOTDIR: (what) => `A part of the path ${what} is no directory.`,
  EIO: (what) => `The medium below ${what} failed (input/output error): check it (dmesg).`,
};

/** What SQLite says of the controller's tables, by its primary result code (https://sqlite.org/rescode.html). */
const SQLITE_ERRORS: Readonly<Record<number, string>> = {
  8: "The controller's tables cannot be written: run as the owner of the state directory, on a file system that is not read-only.",
  10: "The controller's tables could not be read or written (input/output error): check the medium below the state directory (dmesg).",
  11: "The controller's tables are damaged: restore controller.sqlite in the state directory from a copy.",
  13: "No space is left on the file system of the state directory: free some and try again.",
  14: "The controller's tables cannot be opened: run as the owner of the state directory.",
  26: "The controller's tables are damaged: restore controller.sqlite in the state directory from a copy.",
};

/**
 * `error` as something to tell a user, or undefined for a bug, which is to be shown as one.
 */
export function asUserError(error: unknown): UserError | undefined {
  if (error instanceof UserError) return error;
  if (isInterrupt(error)) return new UserError("INTERRUPTED", "Interrupted.", { cause: error });
  // Of daemons in the foreground and of the tables of a stopped lab.
  if (error instanceof TargetError || error instanceof Refusal) {
    return new UserError("REFUSED", error.message, { cause: error });
  }
  if (error instanceof VmError) return new UserError("HOST", error.message, { details: error.details, cause: error });
  const tell = SYSTEM_ERRORS[errorCode(error)];
  if (tell !== undefined) return new UserError("REFUSED", tell(placeOf(error)), { cause: error });
  const ofTables = SQLITE_ERRORS[sqliteCode(error)];
  if (ofTables !== undefined) return new UserError("STATE_DIRECTORY", ofTables, { cause: error });
  if (error instanceof Error && error.cause !== undefined) return asUserError(error.cause);
  return undefined;
}

/** The sentence of any error: a user error's own, else the first line of what is known. */
export function sentenceOf(error: unknown): string {
  const known = asUserError(error);
  if (known !== undefined) return known.message;
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}

export function exitCodeOf(error: unknown): number {
  return asUserError(error)?.exitCode ?? ExitCode.REFUSED;
}

/** What an aborted signal throws, by itself or through a command in a guest. */
function isInterrupt(error: unknown): boolean {
  return (
    (error instanceof Error && error.name === "AbortError") || (error instanceof VmError && error.code === "ABORTED")
  );
}

/** 0 for what is no error of SQLite. The extended code has the primary one in its lowest byte. */
function sqliteCode(error: unknown): number {
  if (errorCode(error) !== "ERR_SQLITE_ERROR" || !(error instanceof Error && "errcode" in error)) return 0;
  return Number(error.errcode) & 0xff;
}

function placeOf(error: unknown): string {
  if (error instanceof Error && "path" in error && typeof error.path === "string") return error.path;
  return "the state directory";
}
