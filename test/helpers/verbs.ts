/** The verbs of the page that lists them all. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";

const PAGE = new URL("../../docs/cli.md", import.meta.url);

/** As they are typed, "disk map" or "up", each once, in the order of `docs/cli.md`. */
export async function verbsOfThePage(program: Command): Promise<string[]> {
  const rows = (await readFile(PAGE, "utf8")).split("\n").filter((line) => line.startsWith("| `sanlab "));
  const named = rows.flatMap((line) => [...line.matchAll(/`sanlab ([a-z-]+)(?: ([a-z-]+))?/g)]);
  return [...new Set(named.map(([, first = "", second = ""]) => verbOf(program, [first, second])))];
}

/** The verb that words begin with: families have a second one. */
export function verbOf(program: Command, [first = "", second = ""]: readonly string[]): string {
  const families = program.commands.filter(({ commands }) => commands.length > 0).map((command) => command.name());
  return families.includes(first) ? `${first} ${second}` : first;
}
