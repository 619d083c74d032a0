/** npm packages: installed when they are missing or not those of the lockfile; the next run changes nothing. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** @returns the path of the Node that the project brings along */
export function ensureNpmPackages(root) {
  const modules = join(root, "node_modules");
  const [node, stamp] = [join(modules, ".bin", "node"), join(modules, ".sanlab-setup")];
  if (existsSync(node) && existsSync(stamp) && readFileSync(stamp, "utf8") === lockfileHash(root)) return node;
  process.stderr.write("sanlab: installing npm packages\n");
  mkdirSync(modules, { recursive: true });
  // `npm ci` refuses lockfiles that lack the optional packages of other platforms; `npm install` honours them.
  npm(root, ["install", "--no-audit", "--no-fund", "--loglevel=error"]);
  // An npm that is set not to run install scripts leaves out the one that brings Node's binary.
  if (!existsSync(node)) npm(root, ["rebuild", "node", "--ignore-scripts=false", "--foreground-scripts"]);
  if (!existsSync(node)) {
    refuse('npm package "node", which brings Node 26, installed no binary: run "npm rebuild node" and try again.');
  }
  writeFileSync(stamp, lockfileHash(root));
  return node;
}

function lockfileHash(root) {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

/** Two set-ups at once in one clone wait for each other: flock is part of util-linux, which no Debian lacks. */
function npm(root, args) {
  const lock = join(root, "node_modules", ".sanlab-setup.lock");
  const options = { cwd: root, stdio: ["ignore", 2, 2] };
  let result = spawnSync("flock", [lock, "npm", ...args], options);
  if (result.error?.code === "ENOENT") result = spawnSync("npm", args, options);
  if (result.status !== 0) refuse(`"npm ${args.join(" ")}" failed; the reason stands above.`);
}

function refuse(sentence) {
  process.stderr.write(`sanlab: ${sentence}\n`);
  process.exit(1);
}
