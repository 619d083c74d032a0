/** sync_file_range(2). On the thread pool: it waits where the device has enough to do. */
import { checkedAsync, libc } from "./libc.ts";

const syncFileRange = libc.func("int sync_file_range(int fd, int64_t offset, int64_t length, unsigned int flags)");

const WRITE = 2;

/** Begins to write out what the page cache has of the range; says nothing of its end, which fdatasync(2) waits for. Rejects with a SystemCallError. */
export async function beginWriteOut(fd: number, offset: number, length: number): Promise<void> {
  await checkedAsync("sync_file_range", syncFileRange, fd, offset, length, WRITE);
}
