/**
 * Serial number arithmetic over 32 bits (RFC 1982, as RFC 7143 §4.2.2.1 uses it for CmdSN, StatSN and DataSN).
 * Numbers are unsigned, 0 to 2^32 - 1. Two that lie exactly half the circle apart have no order; they never do in a window.
 */

export function serialAdd(a: number, n: number): number {
  return (a + n) >>> 0;
}

/** a - b as a signed distance: negative where `a` comes before `b`. */
export function serialDistance(a: number, b: number): number {
  return (a - b) | 0;
}

export function serialLess(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
