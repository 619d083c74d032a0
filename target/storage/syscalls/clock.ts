/** clock_gettime(2) with CLOCK_BOOTTIME: goes on while the machine sleeps, which CLOCK_MONOTONIC and Node's own clocks do not. */
import { checked, libc } from "./libc.ts";

const clockGettime = libc.func("int clock_gettime(int clock, _Out_ int64_t *time)");

const CLOCK_BOOTTIME = 7;
/** struct timespec: seconds, nanoseconds. */
const time = new BigInt64Array(2);

/** Milliseconds since the machine was started, its sleep included. */
export function bootTimeMs(): number {
  checked("clock_gettime", clockGettime(CLOCK_BOOTTIME, time) as number);
  return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
}
