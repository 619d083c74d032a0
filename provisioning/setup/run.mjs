/**
 * `node provisioning/setup/run.mjs PURPOSE SCRIPT [ARGS]`: sets up all that PURPOSE needs, then
 * runs SCRIPT under Node 26. Works under Node 20 with nothing installed.
 */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureDebianPackages } from "./debian.mjs";
import { ensureNpmPackages } from "./npm-packages.mjs";
import { PACKAGES, WAITS_FOR_WELCOME, WELCOME } from "./packages.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
if (Number(process.versions.node.split(".")[0]) < 18) {
  process.stderr.write(
    `sanlab: Node ${process.versions.node} is too old to set up with: install Node 18 or newer; the rest brings its own.\n`,
  );
  process.exit(1);
}
const [purpose, script, ...args] = process.argv.slice(2);
ensureDebianPackages(PACKAGES[purpose], WELCOME, WAITS_FOR_WELCOME.has(purpose));
const node = ensureNpmPackages(root);

const path = `${join(root, "node_modules", ".bin")}:${process.env.PATH}`;
const child = spawn(node, [join(root, script), ...args], { stdio: "inherit", env: { ...process.env, PATH: path } });
// A terminal sends Ctrl-C to both; what else is sent to this process is meant for the other one.
process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  process.stderr.write(`sanlab: ${node} could not be run: ${error.message}\n`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(signal === null ? code : 1));
