/** What Biome and oxlint cannot say about the sources: import fences, import cycles, the size of files. */
import { fenceProblem } from "./fences.ts";
import type { SourceFile } from "./source-tree.ts";

/** For one concept per file (docs/architecture.md). Tests are tables of cases, and get more. */
const MAX_LINES = 300;
const MAX_TEST_LINES = 400;

/** One sentence per problem. */
export function structureProblems(files: readonly SourceFile[]): string[] {
  return [...fences(files), ...cycles(files), ...sizes(files)];
}

function fences(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, imports }) => imports.flatMap((imported) => fenceProblem(path, imported.path) ?? []));
}

function sizes(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, lines }) => {
    const most = path.startsWith("test/") ? MAX_TEST_LINES : MAX_LINES;
    return lines > most ? [`${path} has ${lines} lines; at most ${most} are allowed: give each concept a file`] : [];
  });
}

/** Depth first; an import of a file that is still being visited closes a cycle. Types alone close none. */
function cycles(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const problems: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path);
    if (at >= 0) problems.push(`imports go in a circle: ${[...way.slice(at), path].join(" → ")}`);
    if (at >= 0 || done.has(path)) return;
    for (const imported of byPath.get(path)?.imports ?? []) {
      if (!imported.isType) visit(imported.path, [...way, path]);
    }
    done.add(path);
  };
  for (const path of byPath.keys()) visit(path, []);
  return problems;
}
