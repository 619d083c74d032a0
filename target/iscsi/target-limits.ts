/** The limits of a target: what each is where nobody says, and what it may be. */
import { UserError } from "../storage/user-error.ts";
import type { TargetLimits } from "./target-options.ts";

/** What a timer of Node takes, and the signed numbers of 32 bits that systems know. */
const MOST = 2 ** 31 - 1;

/** Default, least, most. */
const LIMITS: Readonly<Record<keyof TargetLimits, readonly [number, number, number]>> = {
  connections: [1024, 1, MOST],
  loginsPerAddress: [128, 1, MOST],
  loginsPerSecond: [500, 1, MOST],
  loginTimeMs: [15_000, 1, MOST],
  connectionsPerSession: [1, 1, 65_535],
  tasksPerSession: [128, 1, 65_536],
  pduBytes: [262_144, 512, 16_777_215],
  textBytes: [65_536, 512, MOST],
  logoutTimeMs: [2_000, 0, MOST],
  closeTimeMs: [5_000, 0, MOST],
  deadPeerTimeMs: [30_000, 0, MOST],
  pingAfterMs: [10_000, 1, MOST],
  pingAnswerMs: [10_000, 1, MOST],
};

/** All of them: those given, and the others as they are by default. @throws UserError where one is none, or out of its range */
export function targetLimits(given: Partial<TargetLimits> = {}): TargetLimits {
  const limits = Object.entries(LIMITS).map(([name, [byDefault]]) => [name, byDefault]);
  for (const [name, value] of Object.entries(given)) checkLimit(name, value);
  return { ...(Object.fromEntries(limits) as Record<keyof TargetLimits, number>), ...given };
}

function checkLimit(name: string, value: number): void {
  const [, least, most] = Object.hasOwn(LIMITS, name) ? LIMITS[name as keyof TargetLimits] : [];
  if (least === undefined || most === undefined) {
    throw new UserError("limit", `There is no limit ${name}; there are ${Object.keys(LIMITS).join(", ")}.`);
  }
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new UserError("limit", `The limit ${name} is ${value}: expected a whole number from ${least} to ${most}.`);
  }
}
