/** Waiting that ends with its initiation. */
import type { Initiation, IoResult } from "../storage/block-device.ts";
import type { FaultOutcome } from "./fault-book.ts";

export const CANCELLED: IoResult = Object.freeze({ kind: "cancelled" });

/** How to end what waits for each initiation: parts of one I/O may wait at the same time. */
const waits = new WeakMap<Initiation, Set<() => void>>();

/** The outcome, or "cancelled" as soon as the initiation is. */
export function cancellable(
  waiting: Promise<FaultOutcome>,
  by: Initiation | undefined,
): Promise<FaultOutcome | "cancelled"> {
  if (by === undefined) return waiting;
  if (by.cancelled) return Promise.resolve("cancelled");
  return new Promise((resolve, reject) => {
    const goesOn = onCancel(by, () => resolve("cancelled"));
    waiting.then((outcome) => {
      goesOn();
      resolve(by.cancelled ? "cancelled" : outcome);
    }, reject);
  });
}

/** @returns how to say that it waits no more */
function onCancel(by: Initiation, end: () => void): () => void {
  const ends = waits.get(by) ?? new Set();
  waits.set(by, ends.add(end));
  by.onCancel = () => {
    for (const each of ends) each();
  };
  return () => {
    ends.delete(end);
    if (ends.size === 0) by.onCancel = undefined;
  };
}
