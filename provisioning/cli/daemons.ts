import type { Command } from "commander";

/** `sanlab target`, `sanlab controller` and `sanlab agent --name …`: daemons in the foreground. */
interface DaemonCommand {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const DAEMONS: readonly DaemonCommand[] = [
  {
    name: "target",
    summary: "A plain iSCSI target without a controller, in the foreground",
    load: async () => (await import("../target/command.ts")).targetCommand(),
  },
  {
    name: "controller",
    summary: "A controller in the foreground, for service managers",
    load: async () => (await import("../controller/command.ts")).controllerCommand(),
  },
  {
    name: "agent",
    summary: "An agent in the foreground, for service managers and other machines: sanlab agent --name NAME …",
    load: async () => (await import("../agent/command.ts")).agentCommand(),
  },
];

const DAEMON_OPTIONS: readonly string[] = ["--name", "--join"];

/**
 * Adds the daemon that `argv` calls in full, and the others by their summary only: each brings a part of the system
 * with it that no other verb needs. `sanlab agent` is a family of verbs as well; `--name` or `--join` means the daemon.
 */
export async function addDaemons(program: Command, argv: readonly string[]): Promise<void> {
  const at = argv.findIndex((word) => program.commands.some((command) => command.name() === word) || isDaemon(word));
  const called = at < 0 ? undefined : DAEMONS.find(({ name }) => name === argv[at]);
  const isDaemonCall = argv.slice(at + 1).some((word) => DAEMON_OPTIONS.includes(word.split("=")[0] as string));
  for (const daemon of DAEMONS) {
    const family = program.commands.find((command) => command.name() === daemon.name);
    if (daemon === called && (family === undefined || isDaemonCall)) replace(program, family, await daemon.load());
    else if (family === undefined) program.command(daemon.name).summary(daemon.summary);
    else
      family.addHelpText(
        "after",
        `\nAs a daemon in the foreground: sanlab ${daemon.name} --name NAME … (sanlab ${daemon.name} --name x --help)`,
      );
  }
}

function replace(program: Command, family: Command | undefined, command: Command): void {
  if (family !== undefined) (program.commands as Command[]).splice(program.commands.indexOf(family), 1);
  program.addCommand(command);
}

function isDaemon(word: string): boolean {
  return DAEMONS.some(({ name }) => name === word);
}
