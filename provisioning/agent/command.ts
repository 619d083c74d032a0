/** `sanlab agent --name NAME`: one agent in the foreground, for service managers and other machines. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import type { ControllerAddress } from "node-iscsi-target/agent/controller-address.ts";
import { runAgent } from "node-iscsi-target/agent/run.ts";
import { interruptSignal } from "../cli/interrupt.ts";
import { repeated } from "../cli/parse.ts";
import { UserError } from "../user-error.ts";
import { readJoinFile, textOf } from "./join-file.ts";

interface Options {
  readonly name?: string;
  readonly state?: string;
  readonly join?: string;
  readonly controller?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly lock?: string;
  readonly fence?: "kill" | "lease";
  readonly device?: readonly string[];
}

const EXAMPLES = `
Examples:
  $ sanlab agent --name a --state .sanlab
  $ sanlab agent --join c.join --device /dev/vdb
  $ sanlab agent --name c --controller https://192.0.2.1:7443 --token-file token --ca ca.pem --fence lease`;

export function agentCommand(): Command {
  return new Command("agent")
    .summary("An agent in the foreground")
    .description(
      "An agent in the foreground: an iSCSI target that routes each I/O through its copy of the mapping tables.",
    )
    .option("--name <name>", "name of the agent, as the lab has it")
    .option("--state <dir>", "the controller's state directory, where it says how to reach it")
    .option("--join <file>", "on another machine: the file that 'sanlab agent add NAME --remote' wrote")
    .option("--controller <url>", "the controller's URL, where there is neither")
    .option("--token-file <file>", "with --controller: file with the token")
    .option("--ca <file>", "with --controller: certificate authority of the lab, for https")
    .option("--lock <file>", "lock that is held while the agent lives")
    .addOption(
      new Option(
        "--fence <how>",
        "how the controller goes on without it: kill, on its own machine; lease, elsewhere, and with --state here too",
      ).choices(["kill", "lease"]),
    )
    .option(
      "--device <path>",
      "where this machine has a storage device of the lab, when not at the controller's path (repeatable)",
      repeated,
    )
    .addHelpText("after", EXAMPLES)
    .action(async (options: Options) => {
      const log = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);
      const { name, controller, fence, here } = whoAndWhere(options);
      const lockFile = lockOf(options, name);
      await runAgent(
        { name, lockFile, controller, fence: options.fence ?? fence, here, devices: options.device ?? [], log },
        interruptSignal(),
      );
    });
}

interface WhoAndWhere {
  readonly name: string;
  readonly controller: ControllerAddress;
  readonly fence: "kill" | "lease";
  /** Whether it runs on the controller's machine. */
  readonly here: boolean;
}

function whoAndWhere({ name, state, join: file, controller, tokenFile, ca, fence = "kill" }: Options): WhoAndWhere {
  if (file !== undefined) {
    const { agent, controller: url, ...trust } = readJoinFile(file);
    return { name: agent, controller: { url, ...trust }, fence: "lease", here: false };
  }
  if (name === undefined) throw new UserError("USAGE", "Say which agent this is: --name NAME, or --join FILE.");
  if (controller !== undefined && tokenFile !== undefined) {
    const trust = ca === undefined ? {} : { ca: textOf(ca) };
    return {
      name,
      controller: { url: controller, token: { file: tokenFile }, ...trust },
      fence,
      here: fence === "kill",
    };
  }
  if (state !== undefined) return { name, controller: { stateDirectory: state }, fence, here: true };
  throw new UserError(
    "USAGE",
    "Say where the controller is: --state DIR, --join FILE, or --controller URL with --token-file FILE.",
  );
}

/** An agent of another machine has nothing of the lab but its join file: its lock lies beside that of others there. */
function lockOf({ lock, state, join: file }: Options, name: string): string {
  if (lock !== undefined) return lock;
  if (state !== undefined) return join(state, `agent-${name}.lock`);
  if (file !== undefined) return join(tmpdir(), `sanlab-agent-${name}.lock`);
  throw new UserError("USAGE", "Name the agent's lock file: --lock FILE.");
}
