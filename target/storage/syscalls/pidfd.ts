/**
 * A process held by descriptor (pidfd_open(2)): its number may be used again by another, the
 * descriptor never stands for another. So its end is seen for certain, and a signal reaches nobody else.
 */
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { checked, lastErrno, libc, SystemCallError } from "./libc.ts";

const syscall = libc.func("long syscall(long number, long first, long second, void *third, long fourth)");
/** Not Node's own close, which warns of descriptors that it did not open. */
const close = libc.func("int close(int fd)");
const poll = libc.func("int poll(_Inout_ uint8_t *descriptors, unsigned long count, int timeoutMs)");

/** The same on all architectures, as all system calls since 5.1. */
const PIDFD_SEND_SIGNAL = 424;
const PIDFD_OPEN = 434;
const POLLIN = 1;
const POLL_EVERY_MS = 10;

export class ProcessHandle {
  readonly pid: number;
  #fd: number | undefined;

  private constructor(pid: number, fd: number) {
    this.pid = pid;
    this.#fd = fd;
  }

  /** The process that has this number now; undefined where there is none. @throws SystemCallError */
  static open(pid: number): ProcessHandle | undefined {
    const fd = syscall(PIDFD_OPEN, pid, 0, null, 0);
    if (fd >= 0) return new ProcessHandle(pid, fd);
    if (lastErrno() === constants.errno.ESRCH) return undefined;
    throw new SystemCallError("pidfd_open", lastErrno());
  }

  /** It runs no more, and none of its threads is in a system call: a zombie has ended too. */
  get ended(): boolean {
    const pollfd = Buffer.alloc(8);
    pollfd.writeInt32LE(this.#open(), 0);
    pollfd.writeInt16LE(POLLIN, 4);
    return checked("poll", poll(pollfd, 1, 0)) > 0;
  }

  /** False where it has ended already. @throws SystemCallError EPERM where it belongs to another user. */
  kill(signal: NodeJS.Signals): boolean {
    if (syscall(PIDFD_SEND_SIGNAL, this.#open(), constants.signals[signal], null, 0) >= 0) return true;
    if (lastErrno() === constants.errno.ESRCH) return false;
    throw new SystemCallError("pidfd_send_signal", lastErrno());
  }

  /** True once it has ended, false where it has not within `timeoutMs`. Asks every 10 ms: Node cannot wait for such a descriptor. */
  async waitForEnd(timeoutMs: number): Promise<boolean> {
    for (let waitedMs = 0; !this.ended; waitedMs += POLL_EVERY_MS) {
      if (waitedMs >= timeoutMs) return false;
      await sleep(POLL_EVERY_MS);
    }
    return true;
  }

  close(): void {
    if (this.#fd !== undefined) checked("close", close(this.#fd));
    this.#fd = undefined;
  }

  #open(): number {
    if (this.#fd === undefined) throw new Error(`the handle of process ${this.pid} was closed`);
    return this.#fd;
  }
}
