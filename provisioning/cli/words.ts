import { type Command, CommanderError } from "commander";

/** Verbs that have no place between the steps of a scenario: they take the lab away, wait for a person, or never end. */
const OUT_OF_PLACE: readonly string[] = [
  ...["up", "down", "init", "plan", "validate", "scenario", "top", "target", "controller"],
  ...["host console", "logs --follow"],
];

/**
 * What would be right in place of these words of a command line; undefined where they are one. Does nothing of it.
 * `program` is the whole command line, which carries out nothing any more after this.
 */
export async function wrongWords(program: Command, words: readonly string[]): Promise<string | undefined> {
  const isOut = OUT_OF_PLACE.some((verb) => `${words.join(" ")} `.startsWith(`${verb} `));
  if (isOut) return "a command that changes or shows something of the running lab";
  const said: string[] = [];
  disarm(program, said);
  try {
    await program.parseAsync(words, { from: "user" });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const reason = said
      .join("")
      .trim()
      .replace(/^error: /, "")
      .replaceAll("\n", " ");
    return `a command of sanlab (${reason === "" ? "it shows help only" : reason})`;
  }
}

function disarm(command: Command, said: string[]): void {
  command.configureOutput({ writeErr: (text) => void said.push(text), writeOut: () => undefined });
  command.showHelpAfterError(false);
  if (command.commands.length === 0) command.action(() => undefined);
  for (const child of command.commands) disarm(child, said);
}
