/**
 * `npm run mutate-syncs [-- NAME… | --rounds N]`: takes syncs away, one at a time, and tells in which round the
 * losses of power notice (docs/crash-tests.md). Ends with 1 where none does.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { SourceCopy } from "../../simulation/mutations/copy.ts";
import { replacement } from "../../simulation/mutations/mutation.ts";
import { MISSING_SYNCS } from "./list.ts";

/** What the power cuts and the processes in them import. */
const SOURCES = [
  ...["package.json", "tsconfig.json", "ava.config.js", "target", "controller", "vm", "provisioning"],
  ...["test/package.json", "test/helpers", "test/crash", "test/simulation/engine"],
];
const TEST = "test/crash/power-cuts.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "100" }, seed: { type: "string", default: "1" } },
});

const unknown = positionals.find((name) => !MISSING_SYNCS.some((mutation) => mutation.name === name));
if (unknown !== undefined)
  throw new Error(`There is no sync '${unknown}'; there are: ${MISSING_SYNCS.map(({ name }) => name).join(", ")}.`);
const chosen = MISSING_SYNCS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));

const copy = new SourceCopy(SOURCES);
try {
  let survivors = 0;
  for (const mutation of chosen) {
    const undo = replacement(mutation)(copy);
    const verdict = await cutPower(copy);
    undo();
    if (verdict === undefined) survivors += 1;
    console.log(`${mutation.name}: ${verdict ?? `SURVIVED ${values.rounds} rounds`}`);
  }
  if (survivors > 0) console.log(`${survivors} survived`);
  process.exitCode = survivors > 0 ? 1 : 0;
} finally {
  copy.remove();
}

/** @returns how it was noticed; undefined: it was not. @throws Error where the test cannot run */
async function cutPower({ directory }: SourceCopy): Promise<string | undefined> {
  const ava = join(directory, "node_modules/ava/entrypoints/cli.js");
  const { exitCode, all } = await execa(process.execPath, [ava, TEST], {
    cwd: directory,
    reject: false,
    all: true,
    stdin: "ignore",
    env: { SANLAB_CRASH_SEED: values.seed, SANLAB_CRASH_ROUNDS: values.rounds, FORCE_COLOR: "0" },
  });
  if (exitCode === 0) return undefined;
  const [, round, what = ""] = /seed \d+, round (\d+), in which [^:]* died: ([^\n]*)/.exec(all) ?? [];
  if (round === undefined) throw new Error(`the power cuts could not run in the copy:\n${all.slice(-5000)}`);
  return `caught in round ${Number(round) + 1}: ${what.replaceAll(/\s+/g, " ").slice(0, 160)}`;
}
