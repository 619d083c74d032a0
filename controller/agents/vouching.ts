/**
 * Who opens a device is told of no sync that had failed before (docs/protocol.md, Syncs that fail). So what lies there is
 * shown to an agent's hosts once those who had the device open since before have synced it, after the agent had opened it:
 * what they were told is on record then, and of what comes later the agent is told itself.
 */
import type { AgentRecord, AllRecords } from "../records.ts";
import type { Delivery, Outgoing } from "./agent-session.ts";
import type { Fencing } from "./fencing.ts";
import type { Item } from "./publication.ts";
import type { Had, Known, Roster } from "./roster.ts";

export class Vouching {
  readonly #roster: Roster;
  readonly #fencing: Fencing;
  /** Resolves when all of them have been heard of in this epoch, or are fenced. */
  readonly #allReturned: (records: readonly AgentRecord[]) => Promise<void>;
  /** An agent waits to be told that somebody has vouched for a device. */
  readonly #onAwaited: (name: string) => void;

  constructor(
    roster: Roster,
    fencing: Fencing,
    allReturned: (records: readonly AgentRecord[]) => Promise<void>,
    onAwaited: (name: string) => void,
  ) {
    this.#roster = roster;
    this.#fencing = fencing;
    this.#allReturned = allReturned;
    this.#onAwaited = onAwaited;
  }

  /**
   * For devices that an agent has opened. Of what failed before this epoch agents know that have outlived the controller before; of what
   * failed since, the controller is told itself, or agents where it has opened a device later.
   */
  async vouch(name: string, opened: readonly OpenedDevice[]): Promise<void> {
    const { records, onOpened } = this.#roster.options;
    if (opened.length === 0) return;
    await this.#allReturned(records.agents.values().filter((record) => record.name !== name && isServing(record)));
    const others = [...this.#roster.known].filter(([other]) => other !== name);
    await Promise.all(
      opened.map(async ({ device, had }) => {
        const survivors = others.filter(([, { isSurvivor }]) => isSurvivor);
        await Promise.all(survivors.map(([other, known]) => this.#syncedOnce(other, known, device)));
        const isSynced = await onOpened(device);
        if (!isSynced) await this.#syncElsewhere(others, device);
        had.isVouchedFor = true;
      }),
    );
  }

  async #syncElsewhere(others: readonly (readonly [string, Known])[], device: number): Promise<void> {
    await Promise.all(others.map(([other, known]) => this.#sync(other, known, device)));
    // What they have said of it is on record then.
    await this.#roster.options.onOpened(device, true);
  }

  #syncedOnce(name: string, known: Known, device: number): Promise<unknown> {
    const synced = known.synced.get(device) ?? this.#sync(name, known, device);
    known.synced.set(device, synced);
    return synced;
  }

  /** By what the agent has open, however long that takes: it is fenced only where it acknowledges nothing else either. */
  async #sync(name: string, { session, has }: Known, device: number): Promise<void> {
    const had = has.get(`device/${device}`);
    const add = had?.item.add;
    if (had === undefined || add?.type !== "add_device") return;
    const { clock, drainLimitMs } = this.#roster.options;
    let isOver = false;
    const synced = session.deliver({ ...add, sync: true }).then((ended) => {
      isOver = true;
      // What it could not open before, it can now.
      if (ended === "unvouched" && had.isAwaited !== true && had.isVouchedFor !== true) {
        had.isAwaited = true;
        this.#onAwaited(name);
      }
    });
    for (;;) {
      const later = Promise.withResolvers<void>();
      const cancel = clock.after(drainLimitMs, later.resolve);
      await Promise.race([synced, later.promise]).finally(cancel);
      if (isOver) return;
      await this.#fencing.limited(name, session, session.deliver({ type: "unhold", table: "", hold: "" }));
    }
  }
}

/** Its process may have devices open. */
export function isServing({ ended, incarnation }: AgentRecord): boolean {
  return ended !== true && incarnation > 0;
}

export interface OpenedDevice {
  readonly device: number;
  readonly had: Had;
}

/** Nobody has vouched for them yet, and the agent has acknowledged them: it has them open, or could not open them. */
export function openedDevices({ has }: Known): OpenedDevice[] {
  return [...has.values()].flatMap((had) => {
    const { add } = had.item;
    const isOpened = add.type === "add_device" && had.underWay === undefined && had.isVouchedFor !== true;
    return isOpened ? [{ device: add.device, had }] : [];
  });
}

/** The agent waits to be told that somebody has vouched for a device. */
export function isAnyAwaited({ has }: Known): boolean {
  return has.values().some(({ isAwaited }) => isAwaited === true);
}

/** Tells it so, unless it was vouched for by a sync that failed. */
export function vouchedFor({ session, has }: Known, { unsynced }: AllRecords): Promise<Delivery>[] {
  return [...has.values()].flatMap((had) => {
    const { add } = had.item;
    if (add.type !== "add_device" || had.isAwaited !== true || had.isVouchedFor !== true) return [];
    had.isAwaited = false;
    return unsynced.has(String(add.device)) ? [] : [session.deliver({ ...add, vouched: true })];
  });
}

/** What an agent can have now: not tables that come to it on devices that nobody has vouched for, nor what needs these tables. */
export function presentable(
  items: ReadonlyMap<string, Item>,
  { has }: Known,
  recorded: ReadonlySet<string>,
): Map<string, Item> {
  const [pools, tables, units] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const [key, { add }] of items) {
    if (add.type === "add_device" && !isKnown(add, has.get(key))) pools.add(add.pool);
    if (add.type === "create_table" && !recorded.has(add.table) && add.pools.some((pool) => pools.has(pool)))
      tables.add(add.table);
    if (add.type === "publish_unit" && tables.has(add.unit.table)) units.add(add.unit.id);
  }
  const isPresentable = ({ add }: Item) => {
    if (add.type === "create_table") return !tables.has(add.table);
    if (add.type === "publish_unit" || add.type === "set_ports")
      return !units.has(typeof add.unit === "string" ? add.unit : add.unit.id);
    return true;
  };
  return new Map([...items].filter(([, item]) => isPresentable(item)));
}

/** Whether a sync of it has failed: the agent has it as it is to have it, and somebody has vouched for that; or none succeeds anyway. */
function isKnown(add: Outgoing & { readonly type: "add_device" }, had: Had | undefined): boolean {
  if (add.unsynced === true) return true;
  return (had?.isVouchedFor === true || had?.failed === true) && had.sent === JSON.stringify(add);
}
