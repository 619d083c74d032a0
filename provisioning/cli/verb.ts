import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { ApiClient } from "../api/client.ts";
import type { SupervisorClient } from "../supervisor/client.ts";
import { interruptSignal } from "./interrupt.ts";
import { write } from "./output.ts";

/** What a verb works with, out of its command line. */
export interface VerbContext {
  /** Absolute path of the state directory. */
  readonly state: string;
  readonly json: boolean;
  readonly api: ApiClient;
  readonly supervisor: SupervisorClient;
  /** The whole command line. */
  readonly program: Command;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** The result: as one JSON document with --json, else as text (nothing where that is empty). */
  print(data: unknown, text: () => string): Promise<void>;
  /** A line for people on stderr. */
  note(text: string): void;
}

export interface Verb {
  /** Commander's syntax: "create <name>". */
  readonly usage: string;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly arguments?: Readonly<Record<string, string>>;
  readonly options?: readonly Option[];
  /** A number it resolves with is the exit code; 0 otherwise. */
  readonly run: (
    context: VerbContext,
    args: readonly unknown[],
    options: Readonly<Record<string, unknown>>,
  ) => Promise<unknown>;
  /** Options after the first argument are not ours: they belong to a command that is passed on. */
  readonly passThrough?: boolean;
}

const DEFAULT_STATE = ".sanlab";

/** Adds a verb to the program or to a family of verbs. */
export function addVerb(parent: Command, verb: Verb): void {
  const command = parent.command(verb.usage).summary(verb.summary).description(`${verb.summary}.`);
  for (const option of [...(verb.options ?? []), ...commonOptions()]) command.addOption(option);
  if (verb.passThrough === true) command.passThroughOptions();
  command.addHelpText("after", `\nExamples:\n${verb.examples.map((example) => `  $ ${example}`).join("\n")}`);
  command.action(async (...actionArguments: unknown[]) => {
    const args = actionArguments.slice(0, -2);
    if (verb.passThrough === true) args.push(passedOn(command, args.pop() as string[]));
    const options = command.opts<Record<string, unknown>>();
    const exitCode = await verb.run(await contextOf(command), args, options);
    if (typeof exitCode === "number") process.exitCode = exitCode;
  });
}

/** The words of a command that is passed on: options of ours stand before it, or before the `--` that begins it. */
function passedOn(command: Command, words: readonly string[]): string[] {
  const begins = words.indexOf("--");
  if (words[0]?.startsWith("-") !== true) return [...words];
  const { operands, unknown } = command.parseOptions(begins < 0 ? [...words] : words.slice(0, begins));
  const [stranger] = [...unknown, ...operands];
  if (stranger !== undefined) command.error(`error: unknown option '${stranger}'`);
  if (begins < 0 || begins === words.length - 1) command.error("error: missing the command after '--'");
  return words.slice(begins + 1);
}

/** A family of verbs: `sanlab disk …`. */
export function addFamily(program: Command, name: string, summary: string, verbs: readonly Verb[]): Command {
  const family = program.command(name).summary(summary).description(`${summary}.`).enablePositionalOptions();
  for (const verb of verbs) addVerb(family, verb);
  return family;
}

/** `--json` and `--state`, which every verb and the program itself takes. */
export function commonOptions(): Option[] {
  return [
    new Option("--json", "print one JSON document on stdout and nothing else there"),
    new Option("--state <directory>", `the lab's state directory (or SANLAB_STATE; default ${DEFAULT_STATE})`),
  ];
}

async function contextOf(command: Command): Promise<VerbContext> {
  const { json, state } = withParents(command);
  const directory = resolve(state ?? process.env.SANLAB_STATE ?? DEFAULT_STATE);
  // Loaded here so that --help, and verbs that need neither, start faster.
  const [{ ApiClient }, { SupervisorClient }] = await Promise.all([
    import("../api/client.ts"),
    import("../supervisor/client.ts"),
  ]);
  const signal = interruptSignal();
  return {
    state: directory,
    json,
    program: root(command),
    api: new ApiClient(directory, signal),
    supervisor: new SupervisorClient(directory),
    signal,
    async print(data, text) {
      const output = json ? JSON.stringify(data, undefined, 2) : text();
      if (output !== "") await write(process.stdout, `${output}\n`);
    },
    note: (text) => void process.stderr.write(`${text}\n`),
  };
}

function root(command: Command): Command {
  return command.parent === null ? command : root(command.parent);
}

/** The nearest setting counts: the verb's own, then its family's, then the program's. */
function withParents(command: Command): { json: boolean; state: string | undefined } {
  let [json, state]: [boolean, string | undefined] = [false, undefined];
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const options = at.opts<{ json?: boolean; state?: string }>();
    json ||= options.json === true;
    state ??= options.state;
  }
  return { json, state };
}
