/** Messages of another epoch or incarnation: rule 6 wants them dropped before anything goes by them. */
import type { AgentSession } from "@sanlab/controller/agents/agent-session.ts";
import type { Envelope } from "node-iscsi-target/mapping/protocol.ts";
import { Violation } from "../engine/violation.ts";

/** What tells that a message is stale. */
const LOOKED_AT: ReadonlySet<string | symbol> = new Set(["envelope", "fenced"]);

/** The session, for a message that came late; of a stale one nothing else may be asked or told, now or later. */
export function sessionFor(
  message: Envelope & { readonly type: string },
  session: AgentSession,
  onUse: (violation: Violation) => void,
): AgentSession {
  const { epoch, incarnation } = session.envelope;
  if (message.epoch === epoch && message.incarnation === incarnation) return session;
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
