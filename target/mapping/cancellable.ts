/** Waiting that ends with its initiation. */
import type { Initiation, IoResult } from "../storage/block-device.ts";
import type { FaultOutcome } from "./fault-book.ts";

export const CANCELLED: IoResult = Object.freeze({ kind: "cancelled" });

/** The outcome, or "cancelled" as soon as the initiation is. */
export function cancellable(
  waiting: Promise<FaultOutcome>,
  by: Initiation | undefined,
): Promise<FaultOutcome | "cancelled"> {
  if (by === undefined) return waiting;
  if (by.cancelled) return Promise.resolve("cancelled");
  return new Promise((resolve, reject) => {
    by.onCancel = () => resolve("cancelled");
    waiting.then((outcome) => {
      by.onCancel = undefined;
      resolve(by.cancelled ? "cancelled" : outcome);
    }, reject);
  });
}
