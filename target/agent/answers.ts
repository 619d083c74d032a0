/** Answers to the controller's questions: what is there now, without a change to anything. */
import type { Question } from "../mapping/protocol.ts";
import type { AgentCore } from "./core.ts";

type Ask = Question["ask"];

const ANSWERS: { readonly [W in Ask["what"]]: (core: AgentCore, ask: Extract<Ask, { what: W }>) => unknown } = {
  counters: (core) => core.counters(),
  sessions: (core) => core.options.publication.sessions(),
  held: (core, { table, first, count }) => core.tables.get(table)?.references.isHeld(first, count) ?? false,
  tables: (core) => [...core.tables.keys()],
  units: (core) => [...core.units.values()].map(({ id, table, view }) => ({ id, table, view })),
  chunks: (core, { table, first, count }) => core.tables.get(table)?.table.digests(first, count) ?? null,
  entries: (core, { table, first, count }) => {
    const copy = core.tables.get(table)?.table;
    return (copy && Array.from({ length: count }, (_, at) => copy.entry(first + at))) ?? null;
  },
};

/** A question of another version of the controller is not answered. */
export function answerQuestion(core: AgentCore, { ask, request }: Question): void {
  const answer = ANSWERS[ask.what] as ((core: AgentCore, ask: Ask) => unknown) | undefined;
  if (answer !== undefined) core.say({ type: "answer", request, result: answer(core, ask) });
}
