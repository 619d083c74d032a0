/** What documentation and help print as a command is one: it parses, with its options and arguments. */
import { access, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import type { Command } from "commander";
import { buildProgram } from "sanlab/cli/program.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** The words of a command line as a shell splits them, as far as examples go: quotes, and a redirection or a comment at the end. */
function words(line: string): string[] {
  const found: string[] = line.match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? [];
  const end = found.findIndex((word) => word === "#" || word === ">");
  return (end < 0 ? found : found.slice(0, end)).map((word) => word.replace(/^(['"])(.*)\1$/s, "$2"));
}

/** Parses a command line of ours without doing anything. */
async function parse(argv: readonly string[]): Promise<void> {
  const program = await buildProgram(argv);
  const disarm = (command: Command): void => {
    command.configureOutput({ writeErr: () => {} });
    if (command.commands.length === 0) command.action(() => {});
    for (const child of command.commands) disarm(child);
  };
  disarm(program);
  await program.parseAsync(argv, { from: "user" });
}

/** The commands in a text: lines that begin with sanlab, `npx sanlab` or a pipe into it. */
function commandsIn(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => !/[─│►]/.test(line)) // a drawing
    .map((line) => /^\s*(?:\$ )?(?:[^|#]*\| )?(?:npx )?sanlab (.*)$/.exec(line)?.[1])
    .filter((rest) => rest !== undefined)
    .map(words);
}

function fencedBlocks(markdown: string): string {
  return [...markdown.matchAll(/^```(?:sh)?\n(.*?)^```/gms)].map(([, block]) => block).join("\n");
}

async function pages(): Promise<string[]> {
  const docs: string[] = [];
  for (const folder of ["docs", join("docs", "scenarios")]) {
    const names = (await readdir(join(ROOT, folder))).filter((name) => name.endsWith(".md"));
    docs.push(...names.map((name) => join(folder, name)));
  }
  return ["README.md", join("target", "README.md"), ...docs];
}

test("every command in the documentation parses", async (t) => {
  let count = 0;
  for (const page of await pages()) {
    for (const argv of commandsIn(fencedBlocks(await readFile(join(ROOT, page), "utf8")))) {
      count += 1;
      await t.notThrowsAsync(parse(argv), `${page}: sanlab ${argv.join(" ")}`);
    }
  }
  t.true(count > 20);
});

test("every example in --help parses", async (t) => {
  const program = await buildProgram([]);
  const examples: string[][] = [];
  const collect = (command: Command): void => {
    const help: string[] = [];
    command.configureOutput({ writeOut: (text) => void help.push(text) });
    command.outputHelp();
    examples.push(...commandsIn(help.join("").split("\nExamples:\n")[1] ?? ""));
    for (const child of command.commands) collect(child);
  };
  collect(program);
  t.true(examples.length > 40);
  for (const argv of examples) {
    // The columns of the program's own examples end with an explanation.
    const at = argv.findIndex(
      (word, index) => index > 0 && /^(write|bring|see|run|stop)$/.test(word) && argv[index - 1] !== "--",
    );
    const command = argv[0] === "host" || argv[0] === "scenario" ? argv : argv.slice(0, at < 0 ? undefined : at);
    await t.notThrowsAsync(parse(command), `sanlab ${command.join(" ")}`);
  }
});

test("every verb is in the reference, and the reference names no other", async (t) => {
  const reference = await readFile(join(ROOT, "docs", "cli.md"), "utf8");
  const program = await buildProgram([]);
  const verbs = program.commands.flatMap((command) =>
    command.commands.length === 0
      ? [command.name()]
      : command.commands.map((child) => `${command.name()} ${child.name()}`),
  );
  for (const verb of verbs) t.true(reference.includes(`\`sanlab ${verb}`), verb);
  for (const [, first = "", second = ""] of reference.matchAll(/`sanlab ([a-z-]+)(?: ([a-z-]+))?/g)) {
    const isThere = verbs.includes(first) || verbs.includes(`${first} ${second}`) || first === "agent";
    t.true(isThere, `${first} ${second}`);
  }
});

test("every link between pages leads somewhere", async (t) => {
  for (const page of await pages()) {
    const text = await readFile(join(ROOT, page), "utf8");
    for (const [, target = ""] of text.matchAll(/\]\(([^)#]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      await t.notThrowsAsync(access(join(ROOT, dirname(page), target)), `${page}: ${target}`);
    }
  }
});
