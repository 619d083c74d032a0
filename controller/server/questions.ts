/** Questions to agents that are connected now; who does not answer in time is left out. */
import type { Question } from "node-iscsi-target/mapping/protocol.ts";
import type { ControllerCore } from "../core.ts";

const ANSWER_LIMIT_MS = 2000;
/** Of each controller, the number of its last question. */
const lastRequests = new WeakMap<ControllerCore, number>();

export async function askAgents(
  core: ControllerCore,
  names: readonly string[],
  ask: Question["ask"],
): Promise<{ agent: string; result: unknown }[]> {
  const answers = await Promise.all(names.map(async (agent) => ({ agent, result: await askOne(core, agent, ask) })));
  return answers.filter(({ result }) => result !== undefined);
}

function askOne(core: ControllerCore, name: string, ask: Question["ask"]): Promise<unknown> {
  const session = core.agents.session(name);
  if (session === undefined || !session.connected) return Promise.resolve(undefined);
  const request = (lastRequests.get(core) ?? 0) + 1;
  lastRequests.set(core, request);
  return new Promise((resolve) => {
    const answer = (result: unknown) => {
      cancel();
      core.questions.delete(request);
      resolve(result);
    };
    const cancel = core.options.clock.after(ANSWER_LIMIT_MS, () => answer(undefined));
    core.questions.set(request, answer);
    session.say({ type: "question", ...session.envelope, request, ask });
  });
}
