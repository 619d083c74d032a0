/** `sanlab controller`: the controller in the foreground, for service managers. */
import { runController } from "@sanlab/controller/server/run.ts";
import { Command } from "commander";
import { interruptSignal } from "../cli/interrupt.ts";
import { hostNames } from "../cli/parse.ts";
import { parsePortal } from "../target/portal-option.ts";
import { UserError } from "../user-error.ts";

const EXAMPLES = `
Examples:
  $ sanlab controller --state /var/lib/sanlab
  $ sanlab controller --state .sanlab --name lab --listen 127.0.0.1:8700
  $ sanlab controller --state .sanlab --remote 0.0.0.0:7443 --as san.example`;

interface Options {
  readonly state: string;
  readonly name: string;
  readonly listen: string;
  readonly remote?: string;
  readonly as?: readonly string[];
}

export function controllerCommand(): Command {
  return new Command("controller")
    .summary("A controller in the foreground, for service managers")
    .description("A controller in the foreground: owner of the tables, which its agents and the command line talk to.")
    .requiredOption("--state <dir>", "state directory")
    .option("--name <lab>", "name of a lab that is new", "lab")
    .option("--listen <host:port>", "where to listen on this machine; port 0 takes any free one", "127.0.0.1:0")
    .option("--remote <host:port>", "where to listen for agents and clients of other machines as well, over TLS")
    .option(
      "--as <name>",
      "with --remote: a name or address under which it is reached; the first is what agents are told (repeatable)",
      hostNames,
    )
    .addHelpText("after", EXAMPLES)
    .action(async ({ state, name, listen, remote, as: names }: Options) => {
      const log = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);
      const door = remote === undefined ? {} : { remote: { ...parsePortal(remote), ...(names && { names }) } };
      await runController(
        { stateDirectory: state, labName: name, listen: local(listen), ...door, log },
        interruptSignal(),
      );
    });
}

/** Without TLS it is this machine's own. */
function local(text: string): { host: string; port: number } {
  const portal = parsePortal(text);
  if (/^(127\.|::1$|localhost$)/.test(portal.host)) return portal;
  throw new UserError(
    "USAGE",
    `--listen ${text} is for this machine, without TLS: give an address such as 127.0.0.1:0, and --remote ${text} for others.`,
  );
}
