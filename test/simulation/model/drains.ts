/**
 * What an agent acknowledges is done: no system call is under way any more that was when the message came in, and that it
 * has to wait for (the blocking flag 280, and whatever else drains). One agent's process.
 */
import type { Ack, NumberedMessage } from "node-iscsi-target/mapping/protocol.ts";
import { Violation } from "../engine/violation.ts";
import type { SimProcess } from "../world/sim-agent.ts";
import { SEGMENT_BLOCKS } from "../world/sim-disk.ts";
import type { DeviceIo } from "./rules.ts";

type Type = NumberedMessage["type"];
type Message<T extends Type> = Extract<NumberedMessage, { type: T }>;

/** Which system calls each message waits for; nothing for those that wait for none. */
const AWAITED: { readonly [T in Type]?: (message: Message<T>, io: DeviceIo) => boolean } = {
  keep: ({ tables }, { context }) => !tables.includes(context.table),
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

export class Drains {
  readonly #process: SimProcess;
  readonly #waits = new Map<string, readonly DeviceIo[]>();

  constructor(process: SimProcess) {
    this.#process = process;
  }

  /** A message comes in; one that has come before is acknowledged with its effect. */
  hears(message: NumberedMessage): void {
    const isAwaited = AWAITED[message.type] as ((message: NumberedMessage, io: DeviceIo) => boolean) | undefined;
    const key = keyOf(message);
    if (isAwaited === undefined || this.#waits.has(key)) return;
    const theirs = [...this.#process.lab.rules.underWay].filter((io) => io.process === this.#process);
    this.#waits.set(
      key,
      theirs.filter((io) => isAwaited(message, io)),
    );
  }

  /** @throws Violation */
  acknowledges(ack: Ack): void {
    const { underWay } = this.#process.lab.rules;
    const left = this.#waits.get(keyOf(ack))?.find((io) => underWay.has(io));
    if (left !== undefined)
      throw new Violation(
        "drain",
        `${this.#process.name} acknowledges ${ack.seq} while it has a ${left.kind} of ${left.first}+${left.count} of ${left.path} under way for ${left.context.table}`,
      );
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
