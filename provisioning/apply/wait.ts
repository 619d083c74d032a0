import { setTimeout as delay } from "node:timers/promises";
import type { UserError } from "../user-error.ts";

const POLL_MS = 50;

/** Asks until there is an answer; throws `late()` after `timeoutMs`, and the signal's reason when it is aborted. */
export async function until<Answer>(
  ask: () => Promise<Answer | undefined>,
  options: { timeoutMs: number; signal: AbortSignal; late: () => Promise<UserError> | UserError },
): Promise<Answer> {
  const deadlineMs = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadlineMs) throw await options.late();
    await delay(POLL_MS, undefined, { signal: options.signal });
  }
}
