/** fcntl(2) with F_GETFL and F_SETFL: how an open file is used, changed while it is open and its locks are held. */
import { constants } from "node:fs";
import { checked, libc } from "./libc.ts";

const fcntlCall = libc.func("int fcntl(int fd, int command, int argument)");

const F_GETFL = 3;
const F_SETFL = 4;

/** Past the page cache (O_DIRECT), or through it. @throws SystemCallError EINVAL where the file system cannot. */
export function setDirect(fd: number, isDirect: boolean): void {
  const flags = checked("fcntl F_GETFL", fcntlCall(fd, F_GETFL, 0) as number);
  const wanted = isDirect ? flags | constants.O_DIRECT : flags & ~constants.O_DIRECT;
  checked("fcntl F_SETFL", fcntlCall(fd, F_SETFL, wanted) as number);
}
