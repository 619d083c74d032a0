/** `npm run lint`: types, Biome, oxlint with its type-aware rules, and the structure of the sources; all are run, whatever one finds. */
import { execa } from "execa";
import { readSourceTree } from "./source-tree.ts";
import { structureProblems } from "./structure.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

const CHECKS = [
  ["tsc", "-p", "."],
  ["biome", "check", "--error-on-warnings", "."],
  ["oxlint", "--deny-warnings", "."],
] as const;

/** @returns what found something */
export async function lint(): Promise<string[]> {
  const found: string[] = [];
  for (const [program, ...args] of CHECKS) {
    const options = { cwd: ROOT, stdin: "ignore", stdout: "inherit", stderr: "inherit", reject: false } as const;
    const result = await execa(program, args, { ...options, preferLocal: true, localDir: ROOT });
    if (result.failed) found.push(program);
  }
  const problems = structureProblems(await readSourceTree(ROOT));
  for (const problem of problems) console.error(problem);
  return problems.length === 0 ? found : [...found, "structure"];
}

if (import.meta.main) process.exitCode = (await lint()).length === 0 ? 0 : 1;
