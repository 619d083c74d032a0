/**
 * What an agent acknowledges is done: no system call is under way any more that was when the message came in, and that it
 * has to wait for (the blocking flag 280, and whatever else drains). One agent's process.
 */
import type { Ack, NumberedMessage } from "node-iscsi-target/mapping/protocol.ts";
import { Violation } from "../engine/violation.ts";
import type { SimProcess } from "../world/sim-agent.ts";
import { SEGMENT_BLOCKS } from "../world/sim-disk.ts";
import { type DeviceIo, NOBODY } from "./device-io.ts";

type Type = NumberedMessage["type"];
type Message<T extends Type> = Extract<NumberedMessage, { type: T }>;

/** Which system calls each message waits for; nothing for those that wait for none. */
const AWAITED: { readonly [T in Type]?: (message: Message<T>, io: DeviceIo) => boolean } = {
  keep: ({ tables }, { context }) => context.table !== NOBODY && !tables.includes(context.table),
  delete_table: isOfTable,
  protect_table: isOfTable,
  set_entry: (message, io) => {
    const count = message.runs.reduce((sum, run) => sum + run.count, 0);
    return message.blocking && isIn(message.table, message.first, count, io);
  },
  hold: ({ table, first, count }, io) => isIn(table, first, count, io),
  alone: (message, io) => !message.alone && isOfTable(message, io),
  unpublish_unit: ({ unit }, { context }) => context.unit === unit,
};

interface Heard {
  readonly message: NumberedMessage;
  readonly awaited: readonly DeviceIo[];
}

export class Acknowledgements {
  readonly #process: SimProcess;
  readonly #heard = new Map<string, Heard>();
  /** Tables that it was told to be alone with, and has said so. */
  readonly #alone = new Set<string>();
  /** Number of the last message that said whether it is, by table. */
  readonly #latest = new Map<string, number>();

  constructor(process: SimProcess) {
    this.#process = process;
  }

  isAloneWith(table: string): boolean {
    return this.#alone.has(table);
  }

  /** A message comes in; one that has come before is acknowledged with its effect. @returns whether it is the first time */
  hears(message: NumberedMessage): boolean {
    const key = keyOf(message);
    if (this.#heard.has(key)) return false;
    const isAwaited = AWAITED[message.type] as ((message: NumberedMessage, io: DeviceIo) => boolean) | undefined;
    const theirs = isAwaited && [...this.#process.lab.rules.underWay].filter((io) => io.process === this.#process);
    this.#heard.set(key, {
      message,
      awaited: theirs?.filter((io) => isAwaited?.(message, io)) ?? [],
    });
    if (message.type === "delete_table") this.#alone.delete(message.table);
    if (message.type === "keep")
      for (const table of this.#alone) if (!message.tables.includes(table)) this.#alone.delete(table);
    return true;
  }

  /** It goes on in another epoch, or as another incarnation: it is alone with nothing that it does not hear of again. */
  beginsAnew(): void {
    this.#alone.clear();
    this.#latest.clear();
  }

  /** @throws Violation */
  acknowledges(ack: Ack): void {
    const { name, lab } = this.#process;
    const heard = this.#heard.get(keyOf(ack));
    if (heard === undefined)
      throw new Violation("rule 6", `${name} acknowledges ${ack.seq} of epoch ${ack.epoch}, which it has not heard`);
    const left = heard.awaited.find((io) => lab.rules.underWay.has(io));
    if (left !== undefined)
      throw new Violation(
        "drain",
        `${name} acknowledges ${ack.seq} while it has a ${left.kind} of ${left.first}+${left.count} of ${left.path} under way for ${left.context.table}`,
      );
    if (heard.message.type === "alone") this.#isTold(heard.message);
    if (heard.message.type === "delete_table") this.#hasLeft(heard.message);
  }

  /** What it had heard together with this, it may have done and acknowledged since. */
  #hasLeft({ table, seq }: Message<"delete_table">): void {
    if (seq > (this.#latest.get(table) ?? 0)) this.#alone.delete(table);
  }

  /** What it acknowledges once more, or for the first time since it was not connected before, may be older than what it did before. */
  #isTold({ table, alone, seq }: Message<"alone">): void {
    if (seq <= (this.#latest.get(table) ?? 0)) return;
    this.#latest.set(table, seq);
    // Of a table that it has no more it is told nothing that counts when it has that again.
    if (alone && this.#process.core.tables.has(table)) this.#alone.add(table);
    else this.#alone.delete(table);
  }
}

function keyOf({ epoch, incarnation, seq }: Pick<Ack, "epoch" | "incarnation" | "seq">): string {
  return `${incarnation}/${epoch}/${seq}`;
}

function isOfTable({ table }: { readonly table: string }, { context }: DeviceIo): boolean {
  return context.table === table;
}

/** Zeros that are written carry nothing that says for which segment they are. */
function isIn(table: string, first: number, count: number, { context }: DeviceIo): boolean {
  if (context.table !== table || context.block === undefined) return false;
  const segment = Math.floor(context.block / SEGMENT_BLOCKS);
  return segment >= first && segment < first + count;
}
