/** `sanlab controller`: the controller in the foreground, for service managers. */
import { runController } from "@sanlab/controller/server/run.ts";
import { Command } from "commander";
import { interruptSignal } from "../cli/interrupt.ts";
import { parsePortal } from "../target/portal-option.ts";

const EXAMPLES = `
Examples:
  $ sanlab controller --state /var/lib/sanlab
  $ sanlab controller --state .sanlab --name lab --listen 127.0.0.1:8700`;

export function controllerCommand(): Command {
  return new Command("controller")
    .summary("A controller in the foreground, for service managers")
    .description("A controller in the foreground: owner of the tables, which its agents and the command line talk to.")
    .requiredOption("--state <dir>", "state directory")
    .option("--name <lab>", "name of a lab that is new", "lab")
    .option("--listen <host:port>", "where to listen; port 0 takes any free one", "127.0.0.1:0")
    .addHelpText("after", EXAMPLES)
    .action(async ({ state, name, listen }: { state: string; name: string; listen: string }) => {
      const log = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);
      await runController(
        { stateDirectory: state, labName: name, listen: parsePortal(listen), log },
        interruptSignal(),
      );
    });
}
