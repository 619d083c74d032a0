import type { Operation, OperationRequest } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import { ExitCode } from "../../user-error.ts";
import { table } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb, VerbContext } from "../verb.ts";

/** Options of every verb that moves segments. */
export const MOVING = [
  new Option("--rate <size>", "move at most so much a second, such as 50MiB").argParser(parse.size),
  new Option("--no-wait", "return when it has begun; `sanlab operation list` shows how far it is"),
];

const POLL_MS = 250;
/** Where there is no terminal, a line is printed this often. */
const LINE_EVERY_MS = 5000;

export const operationVerbs: readonly Verb[] = [
  {
    usage: "list",
    summary: "Work that moves segments: what runs, and what has ended lately",
    examples: ["sanlab operation list", "sanlab operation list --json"],
    run: async (context) => {
      const operations = await context.api.get<Operation[]>("/operations");
      await context.print(operations, () =>
        table(
          ["OPERATION", "KIND", "WHAT", "STATE", "MOVED", "OF", "STAYED"],
          operations.map((one) => [one.id, one.kind, whatOf(one), one.state, one.moved, one.total, one.stayed.length]),
        ),
      );
    },
  },
  {
    usage: "wait <operation>",
    summary: "Wait for the end of an operation, with progress",
    examples: ["sanlab operation wait 42"],
    run: (context, [id]) => follow(context, String(id)),
  },
  {
    usage: "cancel <operation>",
    summary: "Stop an operation: what was moved stays where it is now; forget one that has ended",
    examples: ["sanlab operation cancel 42"],
    run: async (context, [id]) => {
      await context.api.delete(`/operations/${String(id)}`);
      await context.print({ cancelled: id }, () => `Operation ${String(id)} is cancelled.`);
    },
  },
];

/** Begins an operation, and follows it to its end unless told otherwise. */
export async function operate(
  context: VerbContext,
  what: OperationRequest,
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const rate = options.rate === undefined ? {} : { rate: Number(options.rate) };
  const begun = await context.api.post<Operation>("/operations", { ...what, ...rate });
  if (options.wait !== false) return follow(context, begun.id);
  await context.print(begun, () => `Operation ${begun.id} has begun: ${begun.total} segments are to move.`);
  return ExitCode.DONE;
}

async function follow(context: VerbContext, id: string): Promise<number> {
  const show = progress(context);
  for (;;) {
    const operation = await context.api.get<Operation>(`/operations/${id}`);
    if (operation.state !== "running") {
      show(undefined);
      await context.print(operation, () => endOf(operation));
      return operation.state === "done" && operation.stayed.length === 0 ? ExitCode.DONE : ExitCode.REFUSED;
    }
    show(`${operation.moved} of ${operation.total} segments have moved`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    context.signal.throwIfAborted();
  }
}

/** One line that changes on a terminal, a line now and then anywhere else. */
function progress(context: VerbContext): (text: string | undefined) => void {
  let [shown, nextMs] = ["", 0];
  return (text) => {
    if (process.stderr.isTTY === true) {
      process.stderr.write(`\r\u001b[K${text ?? ""}`);
    } else if (text !== undefined && text !== shown && performance.now() >= nextMs) {
      nextMs = performance.now() + LINE_EVERY_MS;
      shown = text;
      context.note(text);
    }
  };
}

function endOf(operation: Operation): string {
  const { state, moved, stayed, problem } = operation;
  if (state === "failed") return `It has failed after ${moved} segments: ${problem}`;
  const first =
    state === "cancelled" ? `It was cancelled; ${moved} segments have moved.` : `${moved} segments have moved.`;
  if (stayed.length === 0) return first;
  const rows = stayed.map(({ disks, segment, device, deviceSegment, reason }) => [
    segment,
    disks.join(", "),
    device ?? "-",
    deviceSegment,
    reason,
  ]);
  return `${first} ${stayed.length} stay where they are:\n\n${table(["SEGMENT", "DISKS", "DEVICE", "AT", "WHY"], rows)}`;
}

function whatOf({ kind, disk, device, pool }: Operation): string {
  if (kind === "migrate") return `${disk} to ${pool}`;
  return kind === "evacuate" ? (device ?? "a device that is gone") : pool;
}
