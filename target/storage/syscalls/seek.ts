/** lseek(2) with SEEK_DATA and SEEK_HOLE: where a sparse file has data. */
import { constants } from "node:os";
import { lastErrno, libc, SystemCallError } from "./libc.ts";

const lseekCall = libc.func("int64_t lseek(int fd, int64_t offset, int whence)");

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** The first byte at or after `offset` that is data, or undefined where there is none. What was written and not yet allocated counts as data. */
export function nextData(fd: number, offset: number): number | undefined {
  const at = lseekCall(fd, offset, SEEK_DATA);
  if (at >= 0) return at;
  const errno = lastErrno();
  if (errno === constants.errno.ENXIO) return undefined;
  throw new SystemCallError("lseek", errno);
}

/** The first byte at or after `offset` that is in a hole; the end of the file counts as one. */
export function nextHole(fd: number, offset: number): number {
  const at = lseekCall(fd, offset, SEEK_HOLE);
  if (at < 0) throw new SystemCallError("lseek", lastErrno());
  return at;
}
