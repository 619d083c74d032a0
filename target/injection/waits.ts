/** Effects that hold a command up. It holds no reference meanwhile: nothing of it has begun. */
import { type Command, RESERVATION_CONFLICT } from "../scsi/command.ts";
import type { Execution } from "../scsi/transport.ts";
import type { InjectionPorts } from "./ports.ts";

/** Resolves when the command may go on, or was aborted. */
export type Wait = (command: Command) => Promise<void>;

/** After this much debt a throughput cap makes commands wait: timers are no finer. */
const THROUGHPUT_SLACK_MS = 4;

/** All waits, one after another, and then the command; unless it was aborted, or a reservation was made meanwhile. */
export async function afterWaits(
  waits: readonly Wait[],
  command: Command,
  proceed: () => Execution | Promise<Execution>,
): Promise<Execution> {
  for (const wait of waits) {
    await wait(command);
    if (command.task.cancelled) return command.abortedAs ?? { kind: "aborted", reportStatus: false };
  }
  return command.conflict ? RESERVATION_CONFLICT : (command.notReady ?? proceed());
}

export function delayed(ms: number, ports: InjectionPorts): Wait {
  return ({ task }) =>
    new Promise((resolve) => {
      const over = () => {
        cancel();
        task.onCancel = undefined;
        resolve();
      };
      const cancel = ports.after(ms, over);
      task.onCancel = over;
    });
}

/** Commands that are stuck until their fault is cleared. */
export class Stuck {
  readonly #releases = new Set<() => void>();

  readonly wait: Wait = ({ task }) =>
    new Promise((resolve) => {
      const over = () => {
        this.#releases.delete(over);
        task.onCancel = undefined;
        resolve();
      };
      this.#releases.add(over);
      task.onCancel = over;
    });

  release(): void {
    for (const release of this.#releases) release();
  }
}

/** So many bytes in a second, by all commands of the fault together. */
export class Throughput {
  readonly #bytesPerSecond: number;
  #freeAtMs = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** How long the command waits, ms. */
  take(bytes: number, nowMs: number): number {
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (bytes / this.#bytesPerSecond) * 1000;
    const waitMs = this.#freeAtMs - nowMs;
    return waitMs < THROUGHPUT_SLACK_MS ? 0 : waitMs;
  }
}
