/** `sanlab agent --name NAME`: one agent in the foreground, for service managers and other machines. */
import { join } from "node:path";
import { Command, Option } from "commander";
import { runAgent } from "node-iscsi-target/agent/run.ts";
import { interruptSignal } from "../cli/interrupt.ts";
import { UserError } from "../user-error.ts";

interface Options {
  readonly name: string;
  readonly state?: string;
  readonly controller?: string;
  readonly tokenFile?: string;
  readonly lock?: string;
  readonly fence: "kill" | "lease";
}

const EXAMPLES = `
Examples:
  $ sanlab agent --name a --state .sanlab
  $ sanlab agent --name a --controller http://127.0.0.1:8700 --token-file token --lock /run/agent-a.lock`;

export function agentCommand(): Command {
  return new Command("agent")
    .summary("An agent in the foreground")
    .description(
      "An agent in the foreground: an iSCSI target that routes each I/O through its copy of the mapping tables.",
    )
    .requiredOption("--name <name>", "name of the agent, as the lab has it")
    .option("--state <dir>", "the controller's state directory, where it says how to reach it")
    .option("--controller <url>", "the controller's URL, where there is no state directory at hand")
    .option("--token-file <file>", "file with the controller's token")
    .option("--lock <file>", "lock that is held while the agent lives")
    .addOption(
      new Option("--fence <how>", "how the controller goes on without it").choices(["kill", "lease"]).default("kill"),
    )
    .addHelpText("after", EXAMPLES)
    .action(async (options: Options) => {
      const log = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);
      const { name } = options;
      const { fence } = options;
      const address = { lockFile: lockOf(options), controller: controllerOf(options) };
      await runAgent({ name, ...address, fence, log }, interruptSignal());
    });
}

function controllerOf({ state, controller, tokenFile }: Options) {
  if (controller !== undefined && tokenFile !== undefined) return { url: controller, token: { file: tokenFile } };
  if (state !== undefined) return { stateDirectory: state };
  throw new UserError("USAGE", "Say where the controller is: --state DIR, or --controller URL with --token-file FILE.");
}

function lockOf({ lock, state, name }: Options): string {
  if (lock !== undefined) return lock;
  if (state !== undefined) return join(state, `agent-${name}.lock`);
  throw new UserError("USAGE", "Name the agent's lock file: --lock FILE.");
}
