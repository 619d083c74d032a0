/** A storage device of the controller that fails on demand. */
import type { Operation } from "node-iscsi-target/injection/rule.ts";
import type { Medium } from "../devices/medium.ts";

/** The error of an I/O to so many bytes at `offset`, where it is to fail. */
export type Failure = (op: Operation, offset: number, length: number) => Error | undefined;

/**
 * Its syncs never fail: one that has failed counts until somebody has seen to the device (docs/protocol.md, Syncs
 * that fail), and clearing a fault could not take that back.
 */
export function faultyMedium(medium: Medium, failure: Failure): Medium {
  const unless = (error: Error | undefined, work: () => Promise<void>) =>
    error === undefined ? work() : Promise.reject(error);
  return {
    sizeBytes: medium.sizeBytes,
    read: (offset, into) => unless(failure("read", offset, into.length), () => medium.read(offset, into)),
    write: (offset, from) => unless(failure("write", offset, from.length), () => medium.write(offset, from)),
    zero: (offset, length) => unless(failure("write", offset, length), () => medium.zero(offset, length)),
    sync: () => medium.sync(),
    ...(medium.writeOut && { writeOut: (offset, length) => medium.writeOut?.(offset, length) ?? Promise.resolve() }),
    ...(medium.bypassCache && { bypassCache: (isBypassed) => medium.bypassCache?.(isBypassed) }),
    close: () => medium.close(),
  };
}
