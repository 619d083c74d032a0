/** Messages that come in after their connection is gone, to whoever has the name by then; one that is stale is dropped before anything goes by it (rule 6). */
import type { AgentSession } from "@sanlab/controller/agents/agent-session.ts";
import type { Envelope, ToController } from "node-iscsi-target/mapping/protocol.ts";
import { Violation } from "../engine/violation.ts";
import { type Carried, described, heard } from "./carried.ts";
import type { Lab } from "./lab.ts";
import { type Direction, isHandshake } from "./replays.ts";

/** What tells that a message is stale. */
const LOOKED_AT: ReadonlySet<string | symbol> = new Set(["envelope", "fenced"]);

/** The session, for a message that came late; of a stale one, or of one whose agent is fenced, nothing else may be asked or told, now or later. */
function sessionFor(
  message: Envelope & { readonly type: string },
  session: AgentSession,
  onUse: (violation: Violation) => void,
): AgentSession {
  const { epoch, incarnation } = session.envelope;
  if (message.epoch === epoch && message.incarnation === incarnation && !session.fenced) return session;
  return new Proxy(session, {
    get(target, property) {
      if (!LOOKED_AT.has(property))
        onUse(
          new Violation(
            "rule 6",
            `a late ${message.type} of epoch ${message.epoch} and incarnation ${message.incarnation} has the controller ask its session for ${String(property)}`,
          ),
        );
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

export function arriveLate(lab: Lab, agent: string, direction: Direction, message: Carried): void {
  if (isHandshake(message)) return;
  const process = lab.processes.get(agent);
  if (direction === "down") {
    process?.deliver(() => {
      lab.scheduler.note(`late: ${process.name} ← ${described(message)}`);
      lab.guard(() => process.hears(heard(message)));
    });
    return;
  }
  const { core } = lab.controller;
  const session = core?.agents.session(agent);
  if (core === undefined || session === undefined) return;
  lab.scheduler.note(`late: ${agent} → ${message}`);
  const late = JSON.parse(message as string) as Exclude<ToController, { type: "hello" }>;
  lab.rules.unmaps.asked(agent, core, late);
  const onUse = (violation: Violation) => lab.fail(violation);
  core.receive(agent, sessionFor(late, session, onUse), late);
}
