/** The TypeScript sources of the project with what each imports from the others. */
import { readFile } from "node:fs/promises";
import { join, normalize } from "node:path";
import { execa } from "execa";

export interface SourceFile {
  /** Relative to the root. */
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly SourceImport[];
}

export interface SourceImport {
  /** Relative to the root. */
  readonly path: string;
  /** Only types: gone when the program runs. */
  readonly isType: boolean;
}

const PACKAGES: Readonly<Record<string, string>> = {
  "node-iscsi-target": "target",
  "@sanlab/controller": "controller",
  "@sanlab/vm": "vm",
  "@sanlab/test": "test",
  sanlab: "provisioning",
};

/** `import … from "x"`, `export … from "x"`, `import "x"`, `import("x")`; a template or a variable cannot be followed. */
const STATEMENT = /^\s*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

/** All that git knows or would add, so that what is generated or ignored is left out. */
export async function readSourceTree(root: string): Promise<SourceFile[]> {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "*.ts"];
  const { stdout } = await execa("git", args, { cwd: root });
  const files = stdout.split("\n").map(async (path) => {
    const text = await readFile(join(root, path), "utf8").catch(() => undefined);
    return text === undefined ? [] : [sourceFile(path, text)];
  });
  return (await Promise.all(files)).flat();
}

export function sourceFile(path: string, text: string): SourceFile {
  const imports: SourceImport[] = [];
  for (const [, type, statement, call] of text.matchAll(STATEMENT)) {
    const imported = locate(path, (statement ?? call) as string);
    if (imported !== undefined) imports.push({ path: imported, isType: type !== undefined });
  }
  return { path, lines: text.trimEnd().split("\n").length, imports };
}

/** The file that a specifier names; undefined for somebody else's package. */
function locate(importer: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return normalize(join(importer, "..", specifier));
  for (const [name, folder] of Object.entries(PACKAGES)) {
    if (specifier === name) return `${folder}/index.ts`;
    if (specifier.startsWith(`${name}/`)) return `${folder}/${specifier.slice(name.length + 1)}`;
  }
  return undefined;
}
