import { setTimeout as delay } from "node:timers/promises";
import type { Sample } from "@sanlab/controller/metrics/resources.ts";
import { ratesBetween, type Top } from "../top/rates.ts";
import { table, write } from "./output.ts";
import type { VerbContext } from "./verb.ts";

/** Moves the cursor to the top left and clears what is below it (ECMA-48 CUP, ED). */
const CLEAR = "\u001b[H\u001b[J";

/** Live until Ctrl-C; once with `once` and with --json. */
export async function showTop(context: VerbContext, { interval, once }: { interval: number; once: boolean }) {
  const sample = () => context.api.get<Sample>("/sample");
  let before = await sample();
  for (;;) {
    await delay(interval, undefined, { signal: context.signal });
    const after = await sample();
    const top = ratesBetween(before, after);
    before = after;
    if (once || context.json) return context.print(top, () => topText(top));
    await write(process.stdout, `${process.stdout.isTTY === true ? CLEAR : ""}${topText(top)}\n`);
  }
}

export function topText({ disks, agents, paths }: Top): string {
  return [
    table(
      ["DISK", "AGENT", "READS/S", "WRITES/S", "READ", "WRITTEN", "HELD/S"],
      disks.map((row) => [
        row.disk,
        row.agent,
        row.reads,
        row.writes,
        bytesText(row.readBytes),
        bytesText(row.writtenBytes),
        row.held,
      ]),
    ),
    "",
    table(
      ["AGENT", "STATE", "FAULTS/S", "MESSAGES/S"],
      agents.map((row) => [row.agent, row.up ? "up" : "away", row.faultsSent, row.messagesSent]),
    ),
    "",
    table(
      ["HOST", "AGENT", "SESSIONS", "QUEUE", "COMMANDS/S", "FROM HOST", "TO HOST"],
      paths.map((row) => [
        row.host,
        row.agent,
        row.sessions,
        row.queue,
        row.commands,
        bytesText(row.bytesIn),
        bytesText(row.bytesOut),
      ]),
    ),
  ].join("\n");
}

/** A rate as people read it: "12.5 MiB/s". */
export function bytesText(perSecond: number): string {
  const units = ["B/s", "KiB/s", "MiB/s", "GiB/s"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, perSecond)) / 10)));
  return `${(perSecond / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
