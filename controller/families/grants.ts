/** Entries as they are brought to agents: `set_entry` messages of as few runs as possible. */
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, segmentOf, senseOf, statesOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { EntryRun } from "node-iscsi-target/mapping/protocol.ts";
import type { Outgoing } from "../agents/agent-session.ts";
import type { ControllerCore } from "../core.ts";
import type { Words } from "../tables/edit.ts";

/** To all agents of a table; resolved when each has acknowledged or is fenced. */
export async function grant(
  core: ControllerCore,
  table: string,
  entries: ReadonlyMap<number, Words>,
  blocking: boolean,
): Promise<void> {
  const messages = setEntries(table, entries, blocking, core.tables.generation);
  await Promise.all(messages.map((message) => core.agents.toTable(table, message)));
}

/** A whole range with the blocking flag: nobody reads or writes it by what was there before. */
export function revoke(core: ControllerCore, table: string, first: number, count: number): Promise<void> {
  const runs = [{ count, states: EntryState.INVALID }];
  const generation = core.tables.generation;
  return core.agents.toTable(table, { type: "set_entry", table, first, runs, blocking: true, generation });
}

/** One message for each range without gaps. */
export function setEntries(
  table: string,
  entries: ReadonlyMap<number, Words>,
  blocking: boolean,
  generation: number,
): Outgoing[] {
  const messages: { first: number; next: number; runs: EntryRun[] }[] = [];
  for (const [segment, words] of [...entries].sort(([a], [b]) => a - b)) {
    let message = messages.at(-1);
    if (message === undefined || message.next !== segment) {
      message = { first: segment, next: segment, runs: [] };
      messages.push(message);
    }
    message.next += 1;
    append(message.runs, runOf(words));
  }
  return messages.map(({ first, runs }) => ({ type: "set_entry", table, first, runs, blocking, generation }));
}

function runOf([word0, word1]: Words): EntryRun {
  const device = deviceOf(word1);
  const { senseKey, asc, ascq } = senseOf(word1);
  return {
    count: 1,
    states: statesOf(word0),
    ...(device === 0 ? {} : { device, segment: segmentOf(word0) }),
    ...((word0 & EntryState.ERROR) === 0 ? {} : { sense: [senseKey, asc, ascq] }),
  };
}

function append(runs: EntryRun[], run: EntryRun): void {
  const last = runs.at(-1);
  const follows =
    last !== undefined &&
    last.states === run.states &&
    last.device === run.device &&
    (run.segment === undefined || (last.segment as number) + last.count === run.segment) &&
    String(last.sense) === String(run.sense);
  if (follows) runs[runs.length - 1] = { ...last, count: last.count + 1 };
  else runs.push(run);
}
