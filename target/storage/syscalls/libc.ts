/** The C library, for the few system calls that Node does not offer. */
import { constants } from "node:os";
import koffi from "koffi";

export const libc = koffi.load("libc.so.6");

export type LibcFunction = ReturnType<typeof libc.func>;

/** A system call that failed: `code` is the name of its errno, as in Node's own errors. */
export class SystemCallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number) {
    const code = ERRNO_NAMES.get(errno) ?? `E${errno}`;
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

/** The call on the thread pool. Rejects with its errno where the result is negative. About 40 µs: for what may take long anyway. */
export function checkedAsync(syscall: string, call: LibcFunction, ...args: readonly unknown[]): Promise<number> {
  return new Promise((resolve, reject) => {
    call.async(...args, (bug: unknown, result: number) => {
      // koffi hands the errno of the pool's thread on to this callback.
      if (bug) reject(bug);
      else if (result < 0) reject(new SystemCallError(syscall, koffi.errno()));
      else resolve(result);
    });
  });
}

/** Where a buffer lies in memory. It stays there as long as the buffer is referenced. */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer);
}

const knownAddresses = new WeakMap<ArrayBufferLike, number>();

/** Makes `addressAsNumber` quick for every slice of the same memory: for what is used again and again. */
export function rememberAddress(memory: Uint8Array): void {
  knownAddresses.set(memory.buffer, Number(addressOf(memory)) - memory.byteOffset);
}

/** The same, as a number: addresses in user space have 47 bits. */
export function addressAsNumber(buffer: Uint8Array): number {
  const known = knownAddresses.get(buffer.buffer);
  return known === undefined ? Number(addressOf(buffer)) : known + buffer.byteOffset;
}
