import { setTimeout as delay } from "node:timers/promises";
import type { Session } from "@sanlab/controller/api/resources.ts";
import { table } from "../output.ts";
import { bytesText } from "../top.ts";
import type { Verb, VerbContext } from "../verb.ts";

/** Between the two looks of which rates are made. */
const LOOK_MS = 500;

export const sessionVerbs: readonly Verb[] = [
  {
    usage: "list",
    summary: "Who is connected: initiator, agent, digests, rates, queue",
    examples: ["sanlab session list", "sanlab session list --json"],
    run: async (context) => {
      const rows = await withRates(context);
      await context.print(rows, () => text(rows));
    },
  },
];

interface SessionRates extends Session {
  readonly commandsPerSecond: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
}

/** Rates of what happened between two looks; of a session that is new, since its login. */
async function withRates(context: VerbContext): Promise<SessionRates[]> {
  const look = () => context.api.get<Session[]>("/sessions");
  const before = await look();
  const begunMs = performance.now();
  await delay(before.length === 0 ? 0 : LOOK_MS, undefined, { signal: context.signal });
  const after = await look();
  const seconds = (performance.now() - begunMs) / 1000;
  return after.map((session) => {
    const old = before.find(({ agent, id }) => agent === session.agent && id === session.id);
    const rate = (key: "commands" | "bytesIn" | "bytesOut") =>
      Math.round(((session[key] - (old?.[key] ?? 0)) / seconds) * 10) / 10;
    const rates = { commandsPerSecond: rate("commands"), bytesInPerSecond: rate("bytesIn") };
    return { ...session, ...rates, bytesOutPerSecond: rate("bytesOut") };
  });
}

function text(sessions: readonly SessionRates[]): string {
  if (sessions.length === 0) return "Nobody is connected.";
  return table(
    ["INITIATOR", "AGENT", "FROM", "DIGESTS", "COMMANDS/S", "FROM HOST", "TO HOST", "QUEUE"],
    sessions.map((row) => [
      row.initiator,
      row.agent,
      row.address,
      digests(row),
      row.commandsPerSecond,
      bytesText(row.bytesInPerSecond),
      bytesText(row.bytesOutPerSecond),
      row.queue,
    ]),
  );
}

function digests({ headerDigest, dataDigest }: Session): string {
  const on = [headerDigest ? "header" : "", dataDigest ? "data" : ""].filter((name) => name !== "");
  return on.length === 0 ? "none" : on.join(", ");
}
