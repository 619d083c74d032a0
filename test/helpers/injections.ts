/** Faults on demand over a device server in this process: rules from their text, a clock of the test's own. */
import type { AgentRule } from "node-iscsi-target/injection/agent-rule.ts";
import { Injections } from "node-iscsi-target/injection/injections.ts";
import { parseFault } from "node-iscsi-target/injection/parse.ts";
import type { InjectionPorts } from "node-iscsi-target/injection/ports.ts";
import type { Nexus } from "node-iscsi-target/scsi/transport.ts";

/** The fault as an agent would get it. Here disks are told by serial number, hosts by initiator name. */
export function agentRule(text: string, name = "fault-1"): AgentRule {
  const { on, when, effect } = parseFault(text);
  const match = {
    ...(on.op === undefined ? {} : { ops: on.op }),
    ...(on.lba === undefined ? {} : { lba: on.lba }),
    ...(on.command === undefined ? {} : { commands: on.command }),
  };
  return { name, addedAtMs: 0, effect, when, match };
}

/** Time passes where a test says so. */
export class ManualClock {
  nowMs = 0;
  readonly #timers = new Map<() => void, number>();

  readonly after = (ms: number, run: () => void): (() => void) => {
    this.#timers.set(run, this.nowMs + ms);
    return () => void this.#timers.delete(run);
  };

  get waiting(): number {
    return this.#timers.size;
  }

  /** When the next timer is due, ms from the start; undefined where there is none. */
  get nextMs(): number | undefined {
    return this.#timers.size === 0 ? undefined : Math.min(...this.#timers.values());
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const [run, atMs] of this.#timers) {
      if (atMs > this.nowMs) continue;
      this.#timers.delete(run);
      run();
    }
  }
}

export interface Sessions {
  reset(nexus: Nexus): void;
  hasDigest(nexus: Nexus): boolean;
  damageNextDigest(nexus: Nexus): void;
}

const NO_SESSIONS: Sessions = { reset: () => undefined, hasDigest: () => false, damageNextDigest: () => undefined };

export function injections(
  texts: readonly string[],
  { clock = new ManualClock(), stream = "a", sessions = NO_SESSIONS } = {},
): Injections {
  const ports: InjectionPorts = {
    stream,
    nowMs: () => clock.nowMs,
    after: clock.after,
    repaired: () => undefined,
    reset: (nexus) => sessions.reset(nexus),
    hasDigest: (nexus) => sessions.hasDigest(nexus),
    damageNextDigest: (nexus) => sessions.damageNextDigest(nexus),
  };
  const made = new Injections(ports);
  made.set(texts.map((text, at) => agentRule(text, `fault-${at + 1}`)));
  return made;
}
