/** The C library, for the few system calls that Node does not offer. */
import { constants } from "node:os";
import koffi from "koffi";

export const libc = koffi.load("libc.so.6");

/** A system call that failed: `code` is the name of its errno. */
export class SystemCallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number) {
    const code = ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
    super(`${syscall}: ${code}`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** The errno of the last call through koffi on this thread. */
export function lastErrno(): number {
  return koffi.errno();
}

/** `result`, or throws the errno where it is negative. */
export function checked(syscall: string, result: number): number {
  if (result < 0) throw new SystemCallError(syscall, koffi.errno());
  return result;
}
