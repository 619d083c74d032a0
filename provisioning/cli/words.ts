import { type Command, CommanderError } from "commander";

/** Verbs that have no place between the steps of a scenario: they take the lab away, wait for a person, or never end. */
const OUT_OF_PLACE: readonly string[] = [
  ...["up", "down", "init", "plan", "validate", "scenario", "top", "target", "controller"],
  ...["host console", "logs --follow"],
];

const EXPECTED = "a command that changes or shows something of the running lab";

/**
 * What would be right in place of these words of a command line; undefined where they are one. Does nothing of it.
 * `program` is the whole command line, which carries out nothing any more after this.
 */
export async function wrongWords(program: Command, words: readonly string[]): Promise<string | undefined> {
  if (isOutOfPlace(words.join(" "))) return EXPECTED;
  const said: string[] = [];
  const reached: Command[] = [];
  disarm(program, said, reached);
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const reason = said
      .join("")
      .trim()
      .replace(/^error: /, "")
      .replaceAll("\n", " ");
    return `a command of sanlab (${reason === "" ? "it shows help only" : reason})`;
  }
  const [command] = reached;
  return command === undefined ? EXPECTED : misplaced(command);
}

/** Options of every verb may stand before it. */
function misplaced(command: Command): string | undefined {
  const verb = namesOf(command).join(" ");
  const { follow } = command.opts<{ follow?: boolean }>();
  if (isOutOfPlace(follow === true ? `${verb} --follow` : verb)) return EXPECTED;
  const { state } = command.optsWithGlobals<{ state?: string }>();
  return state === undefined ? undefined : "a command without --state: it is for the lab on which the scenario runs";
}

function isOutOfPlace(words: string): boolean {
  return OUT_OF_PLACE.some((verb) => `${words} `.startsWith(`${verb} `));
}

/** Of a verb and its family, without that of the program. */
function namesOf(command: Command): string[] {
  return command.parent === null ? [] : [...namesOf(command.parent), command.name()];
}

function disarm(command: Command, said: string[], reached: Command[]): void {
  command.configureOutput({ writeErr: (text) => void said.push(text), writeOut: () => undefined });
  command.showHelpAfterError(false);
  if (command.commands.length === 0) command.action(() => void reached.push(command));
  for (const child of command.commands) disarm(child, said, reached);
}
