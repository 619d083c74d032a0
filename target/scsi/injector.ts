import type { Command } from "./command.ts";
import type { Execution } from "./transport.ts";

/** Faults on demand, as the task set asks for them when a command would be carried out. */
export interface Injector {
  /** What happens in place of the command's own `execute`, which it may call; undefined: nothing is injected. Its promises never reject. */
  execute(command: Command, dataOut: readonly Uint8Array[]): Execution | Promise<Execution> | undefined;
}
