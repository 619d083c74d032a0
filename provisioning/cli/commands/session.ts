import { table } from "../output.ts";
import type { Verb } from "../verb.ts";

export const sessionVerbs: readonly Verb[] = [
  {
    usage: "list",
    summary: "Who is connected, and through which agent",
    examples: ["sanlab session list", "sanlab session list --json"],
    run: async (context) => {
      const sessions = await context.api.get<Readonly<Record<string, unknown>>[]>("/sessions");
      await context.print(sessions, () => text(sessions));
    },
  },
];

/** A column for every key that a session has. */
function text(sessions: readonly Readonly<Record<string, unknown>>[]): string {
  if (sessions.length === 0) return "Nobody is connected.";
  const keys = [...new Set(sessions.flatMap((session) => Object.keys(session)))];
  return table(
    keys.map((key) => key.toUpperCase()),
    sessions.map((session) => keys.map((key) => cell(session[key]))),
  );
}

function cell(value: unknown): string | number {
  if (typeof value === "number" || typeof value === "string") return value;
  return value === null || value === undefined ? "-" : JSON.stringify(value);
}
