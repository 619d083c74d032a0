/**
 * Gives memory back that a burst of I/O has left behind. V8 collects when a program allocates; one
 * that is idle after a burst keeps tens of megabytes of buffers that nobody refers to.
 *
 * Works where the process was started with --expose-gc, as the supervisor starts agents; elsewhere
 * it does nothing.
 */
import { forgetReceiveSlabs } from "../iscsi/receive-slab.ts";
import { forgetSendSlabs } from "../iscsi/send-slab.ts";
import { libc } from "../storage/syscalls/libc.ts";

const LOOK_EVERY_MS = 5_000;
const trim = libc.func("int malloc_trim(size_t pad)");

/** `activity` counts what was done; memory is given back when it has stood still for one look. @returns how to stop */
export function giveMemoryBackWhenIdle(activity: () => number): () => void {
  const collect = globalThis.gc;
  if (collect === undefined) return () => undefined;
  let seen = activity();
  let isClean = false;
  const timer = setInterval(() => {
    const now = activity();
    const isIdle = now === seen;
    seen = now;
    if (!isIdle) isClean = false;
    if (!isIdle || isClean) return;
    isClean = true;
    forgetSendSlabs();
    forgetReceiveSlabs();
    collect();
    // Of what was freed, the C library keeps what lies below something still in use.
    trim(0);
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
