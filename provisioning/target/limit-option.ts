/** The values of --limit: NAME=NUMBER, of the limits that the library has. */
import { type TargetLimits, targetLimits, UserError } from "node-iscsi-target";

/** @throws UserError where one is of another form, is none, or is out of its range */
export function parseLimits(texts: readonly string[]): TargetLimits {
  return targetLimits(Object.fromEntries(texts.map(parseLimit)));
}

function parseLimit(text: string): [name: string, value: number] {
  const [, name, digits] = /^([A-Za-z]+)=(\d+)$/.exec(text) ?? [];
  if (name === undefined || digits === undefined) {
    throw new UserError("limit", `--limit ${text}: expected NAME=NUMBER, such as connections=64 or loginTimeMs=5000.`);
  }
  return [name, Number(digits)];
}
