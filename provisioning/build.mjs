/**
 * Writes dist/: JavaScript and types of all that index.ts and bin/ reach, what is reached of the other workspaces with
 * it: Node runs no TypeScript in node_modules. One tree, laid out as the sources are. Run by `npm pack`.
 */
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const DIST = join(HERE, "dist");
const SOURCES = join(DIST, "sources");

/** What programs read beside code. */
const FILES = [
  "provisioning/bin",
  "provisioning/lab.schema.json",
  "provisioning/scenario.schema.json",
  "vm/image/guest",
];

/** Where workspaces lie in the tree, by the name under which others import them. */
const WORKSPACES = { "node-iscsi-target": "target", "@sanlab/controller": "controller", "@sanlab/vm": "vm" };
const IMPORT = new RegExp(`((?:from|import\\() ?")(${Object.keys(WORKSPACES).join("|")})(?:/([^"]+\\.ts))?"`, "g");

rmSync(DIST, { recursive: true, force: true });
for (const workspace of ["provisioning", ...Object.values(WORKSPACES)]) copySources(workspace);
const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
execFileSync(process.execPath, [join(typescript, "bin/tsc"), "-p", "tsconfig.publish.json"], {
  cwd: HERE,
  stdio: "inherit",
});
for (const file of FILES) cpSync(join(HERE, "..", file), join(DIST, file), { recursive: true });
rmSync(SOURCES, { recursive: true });
// `sanlab --version` reads it where the sources have theirs.
const { version } = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8"));
writeFileSync(join(DIST, "provisioning/package.json"), `${JSON.stringify({ version, type: "module" })}\n`);

/** The sources of a workspace, with paths in place of the names of other workspaces. */
function copySources(workspace) {
  const from = join(HERE, "..", workspace);
  for (const file of readdirSync(from, { recursive: true })) {
    if (!file.endsWith(".ts") || /(^|\/)(node_modules|dist)\//.test(file)) continue;
    const path = join(workspace, file);
    cpSync(join(from, file), join(SOURCES, path));
    const code = readFileSync(join(SOURCES, path), "utf8");
    writeFileSync(
      join(SOURCES, path),
      code.replace(IMPORT, (_, start, name, module = "index.ts") => {
        const target = relative(dirname(path), join(WORKSPACES[name], module));
        return `${start}${target.startsWith(".") ? target : `./${target}`}"`;
      }),
    );
  }
}
