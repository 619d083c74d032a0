/** docs/faults.md says what the parser does: its tables come from the parser's own, and every recipe is a fault. */
import { readFile } from "node:fs/promises";
import test from "ava";
import { EFFECTS } from "node-iscsi-target/injection/effects.ts";
import { GRAMMAR_TABLES } from "node-iscsi-target/injection/grammar.ts";
import { OCCASION_WORDS } from "node-iscsi-target/injection/occasions.ts";
import { parseFault } from "node-iscsi-target/injection/parse.ts";
import { SELECTORS } from "node-iscsi-target/injection/selectors.ts";
import { parse } from "yaml";

const PAGE = new URL("../../../docs/faults.md", import.meta.url);

/** The recipes of the page, as the text after `fault add` and its options. */
function recipes(page: string): string[] {
  return [...page.matchAll(/^sanlab fault add (?:--name \S+ )?(.+)$/gm)].map(([, text = ""]) => text);
}

test("the tables of the page are those of the parser", async (t) => {
  const page = await readFile(PAGE, "utf8");
  for (const { name, text } of GRAMMAR_TABLES) {
    const [, found] = new RegExp(`<!-- ${name} -->\n(.*?)\n<!-- /${name} -->`, "s").exec(page) ?? [];
    t.is(found, text, name);
  }
});

test("there is a recipe for every effect, selector and occasion, and each is a fault", async (t) => {
  const rules = recipes(await readFile(PAGE, "utf8")).map((text) => parseFault(text));
  const effects = new Set<string>(rules.map(({ effect }) => effect.kind));
  t.deepEqual(
    Object.keys(EFFECTS).filter((kind) => !effects.has(kind)),
    [],
  );
  const selectors = new Set(rules.flatMap(({ on }) => Object.keys(on)));
  t.deepEqual(
    Object.keys(SELECTORS).filter((key) => !selectors.has(key)),
    [],
  );
  const occasions = new Set(rules.flatMap(({ when }) => Object.keys(when)));
  t.deepEqual(
    Object.keys(OCCASION_WORDS).filter((word) => !occasions.has(word)),
    [],
  );
});

test("the faults of the page's lab file are faults", async (t) => {
  const [, yaml = ""] = /^```yaml\n(.*?)^```/ms.exec(await readFile(PAGE, "utf8")) ?? [];
  const { faults } = parse(yaml) as { faults: Record<string, string> };
  t.true(Object.keys(faults).length > 0);
  for (const text of Object.values(faults)) t.notThrows(() => parseFault(text), text);
});
