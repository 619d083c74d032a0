/** Leave to touch a device, asked right before each system call: a device that others may be given meanwhile (a lease). */
import type { IoResult } from "../block-device.ts";

export type Permit = () => boolean;

/** No leave: nothing was done. */
export const NOT_PERMITTED: IoResult = Object.freeze({ kind: "not-ready" });
