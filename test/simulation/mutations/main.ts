/**
 * `npm run mutate [-- NAME… | --file FILE | --patch FILE] [--seeds N]`: takes pieces of the protocol
 * away, one at a time, and tells which seed of the simulator notices. Ends with 1 where none does.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { execaSync } from "execa";
import { SourceCopy } from "./copy.ts";
import { type Change, type Mutation, replacement, tryOut } from "./mutation.ts";
import { MUTATIONS } from "./mutations.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "500" },
    file: { type: "string" },
    patch: { type: "string", multiple: true },
  },
});

const copy = new SourceCopy();
try {
  let survivors = 0;
  for (const [name, change] of chosen()) {
    const verdict = await tryOut(copy, change, Number(values.seeds));
    if (verdict.kind === "survived") survivors += 1;
    const outcome =
      verdict.kind === "caught"
        ? `caught by seed ${verdict.seed} (${verdict.rule})`
        : `SURVIVED ${verdict.seeds} seeds`;
    console.log(`${name}: ${outcome}`);
  }
  if (survivors > 0) console.log(`${survivors} survived`);
  process.exitCode = survivors > 0 ? 1 : 0;
} finally {
  copy.remove();
}

function chosen(): [name: string, change: Change][] {
  if (values.patch !== undefined) return values.patch.map((file) => [file, patch(resolve(file))]);
  const all = values.file === undefined ? MUTATIONS : (JSON.parse(readFileSync(values.file, "utf8")) as Mutation[]);
  const unknown = positionals.find((name) => !all.some((mutation) => mutation.name === name));
  if (unknown !== undefined)
    throw new Error(`There is no mutation '${unknown}'; there are: ${all.map(({ name }) => name).join(", ")}.`);
  const wanted = positionals.length === 0 ? all : all.filter(({ name }) => positionals.includes(name));
  return wanted.map((mutation) => [mutation.name, replacement(mutation)]);
}

/** As `git diff` writes it, from the root of the repository. */
function patch(file: string): Change {
  return ({ directory }) => {
    execaSync("git", ["apply", file], { cwd: directory });
    return () => void execaSync("git", ["apply", "--reverse", file], { cwd: directory });
  };
}
