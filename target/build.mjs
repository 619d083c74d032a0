/** Writes dist/: JavaScript and types of what index.ts and conformance/ reach. Run by `npm pack`. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
rmSync(new URL("dist", import.meta.url), { recursive: true, force: true });
execFileSync(process.execPath, [join(typescript, "bin/tsc"), "-p", "tsconfig.publish.json"], {
  cwd: import.meta.dirname ?? dirname(new URL(import.meta.url).pathname),
  stdio: "inherit",
});
