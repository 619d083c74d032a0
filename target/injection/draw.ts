/** Chance that can be had again: the same seed, stream and number give the same draw. */

/** Evenly from [0, 1), of 2^32 values. `stream` keeps the draws of several agents apart. */
export function draw(seed: number, stream: string, number: number): number {
  let state = mix(seed >>> 0);
  state = mix(state ^ Math.floor(seed / 2 ** 32));
  for (let at = 0; at < stream.length; at += 1) state = mix(state ^ stream.charCodeAt(at));
  state = mix(state ^ (number >>> 0));
  return mix(state ^ Math.floor(number / 2 ** 32)) / 2 ** 32;
}

/** The finaliser of MurmurHash3, 32 bits (public domain), after a step that moves 0. */
function mix(value: number): number {
  let hash = (value + 0x9e3779b9) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
