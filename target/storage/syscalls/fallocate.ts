/** fallocate(2), for image files and block devices alike. On the thread pool: the journal may make it wait. */
import { checkedAsync, libc } from "./libc.ts";

const fallocateCall = libc.func("int fallocate(int fd, int mode, int64_t offset, int64_t length)");

const KEEP_SIZE = 0x01;
const PUNCH_HOLE = 0x02;
const ZERO_RANGE = 0x10;

/** Gives the blocks of the range back; it reads as zeros. Rejects with a SystemCallError, EOPNOTSUPP where the file system cannot. */
export async function punchHole(fd: number, offset: number, length: number): Promise<void> {
  await checkedAsync("fallocate", fallocateCall, fd, PUNCH_HOLE | KEEP_SIZE, offset, length);
}

/** The range reads as zeros and stays allocated. Rejects with a SystemCallError, EOPNOTSUPP where the file system cannot. */
export async function zeroRange(fd: number, offset: number, length: number): Promise<void> {
  await checkedAsync("fallocate", fallocateCall, fd, ZERO_RANGE | KEEP_SIZE, offset, length);
}

/** Allocates what of the range is not yet, unwritten; contents stay. Rejects with a SystemCallError, ENOSPC where there is not enough. */
export async function allocateRange(fd: number, offset: number, length: number): Promise<void> {
  await checkedAsync("fallocate", fallocateCall, fd, KEEP_SIZE, offset, length);
}
