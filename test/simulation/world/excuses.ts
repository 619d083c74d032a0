/** When an agent that lives may be taken for dead: something has kept it from answering, for long, or several things one soon after another. */
import { DRAIN_LIMIT_MS } from "./sim-controller.ts";

/** A hindrance that long may be taken for death. */
export const EXCUSE_MS = DRAIN_LIMIT_MS / 4;
/** A connection that broke is there again, and has caught up. */
const RECOVERY_MS = 1500;
/** What is waited for may have been asked for that long before. */
const ASKED_BEFORE_MS = DRAIN_LIMIT_MS + 1000;

export class Excuses {
  readonly #untilMs = new Map<string, number>();
  /** What has kept an agent from answering, without a break to speak of. */
  readonly #hindered = new Map<string, { readonly sinceMs: number; readonly untilMs: number }>();

  /** From now on something keeps the agent from answering for so long. */
  hindered(name: string, ms: number, nowMs: number): void {
    const before = this.#hindered.get(name);
    const isSoon = before !== undefined && nowMs < before.untilMs + RECOVERY_MS;
    const hindered = { sinceMs: isSoon ? before.sinceMs : nowMs, untilMs: Math.max(before?.untilMs ?? 0, nowMs + ms) };
    this.#hindered.set(name, hindered);
    if (hindered.untilMs - hindered.sinceMs < EXCUSE_MS) return;
    this.#untilMs.set(name, Math.max(this.#untilMs.get(name) ?? 0, nowMs + ms));
  }

  /** It may be taken for dead now. */
  covers(name: string, nowMs: number): boolean {
    return (this.#untilMs.get(name) ?? 0) + ASKED_BEFORE_MS >= nowMs;
  }
}
