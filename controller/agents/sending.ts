/** Messages to one agent, and what is remembered of each. */
import type { Delivery, Outgoing } from "./agent-session.ts";
import type { Item } from "./publication.ts";
import type { Had, Known } from "./roster.ts";

/** What an agent could not do it is told again with whatever comes next: what was in its way may be gone. */
export function add(known: Known, key: string, item: Item): Promise<Delivery>[] {
  const sent = JSON.stringify(item.add);
  const before = known.has.get(key);
  if (before?.sent === sent && before.failed !== true)
    return item.add.type === "add_device" && before.underWay ? [onceMore(known, key, before, before.underWay)] : [];
  const mine: Had = { item, sent };
  known.has.set(key, mine);
  const resized = item.add.type === "create_table" && before !== undefined;
  const delivery = known.session.deliver(resized ? resizeOf(item.add) : (item.now?.() ?? item.add));
  mine.underWay = delivery;
  void delivery.then((ended) => {
    mine.underWay = undefined;
    if (typeof ended === "object" && item.add.type !== "create_table") mine.failed = true;
    if (ended === "unvouched") mine.isAwaited = true;
  });
  return [delivery];
}

/** It may have failed already by what was in its way until now. */
async function onceMore(known: Known, key: string, before: Had, underWay: Promise<Delivery>): Promise<Delivery> {
  const ended = await underWay;
  if (typeof ended !== "object") return ended;
  const now = known.has.get(key);
  if (now === before) return (await Promise.all(add(known, key, before.item)))[0] ?? ended;
  return now?.sent === before.sent ? (now.underWay ?? ended) : ended;
}

/** Until the agent has acknowledged it, it may still have I/O under way. */
export function leaves({ leaving }: Known, table: string, delivery: Promise<Delivery>): void {
  leaving.set(table, (leaving.get(table) ?? 0) + 1);
  void delivery.then(() => {
    const left = (leaving.get(table) ?? 1) - 1;
    if (left === 0) leaving.delete(table);
    else leaving.set(table, left);
  });
}

export function devicesUnderWay({ has }: Known): Promise<Delivery>[] {
  return [...has.values()].flatMap(({ item: { add }, underWay }) =>
    add.type === "add_device" && underWay ? [underWay] : [],
  );
}

export function letsGo({ removals }: Known, delivery: Promise<Delivery>): void {
  removals.add(delivery);
  void delivery.then(() => removals.delete(delivery));
}

function resizeOf(create: Outgoing & { type: "create_table" }): Outgoing {
  const { table, sizeBytes, pools } = create;
  return { type: "resize_table", table, sizeBytes, pools };
}
