/** A check of large tables lets others have their turn: a controller goes on serving meanwhile. */

/** Chunks of each table that are looked at in one turn of the event loop. */
export const COLUMNS_AT_ONCE = 64;
/** Segments of a device. */
export const SEGMENTS_AT_ONCE = 2 ** 18;

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
