/** The grammar of faults as tables for docs/faults.md, out of what the parser itself reads by. */
import { EFFECTS } from "./effects.ts";
import { OCCASION_WORDS } from "./occasions.ts";
import { SELECTORS } from "./selectors.ts";
import { SENSE_NAMES } from "./sense-names.ts";

export interface GrammarTable {
  readonly name: "selectors" | "occasions" | "effects" | "sense";
  /** Markdown. */
  readonly text: string;
}

export const GRAMMAR_TABLES: readonly GrammarTable[] = [
  {
    name: "selectors",
    text: table(
      ["selector", "selects", "value"],
      Object.entries(SELECTORS).map(([key, { meaning, expected }]) => [`\`${key}=\``, meaning, expected]),
    ),
  },
  {
    name: "occasions",
    text: table(
      ["occasion", "meaning"],
      Object.entries(OCCASION_WORDS).map(([word, { value, meaning }]) => [`\`${word} ${value}\``, meaning]),
    ),
  },
  { name: "effects", text: effects() },
  { name: "sense", text: SENSE_NAMES.map((name) => `\`${name}\``).join(", ") },
];

function effects(): string {
  const rows = Object.entries(EFFECTS).map(([kind, { value, meaning, selectors, required, occasions }]) => [
    `\`${value === "" ? kind : `${kind} ${value}`}\``,
    meaning,
    selectors.map((key) => (key === required ? `**${key}**` : key)).join(", ") || "none",
    occasions.length === 6 ? "any" : occasions.join(", "),
  ]);
  return table(["effect", "what happens", "selectors", "when"], rows);
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(headings), line(headings.map(() => "---")), ...rows.map(line)].join("\n");
}
