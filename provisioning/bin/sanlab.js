#!/usr/bin/env node
// The way into the TypeScript sources. They need a Node that runs TypeScript directly and has all that they use; where
// this one is older, the one that npm installed with the project takes over. Plain JavaScript, for Node 18 and later.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NEEDED = [24, 12];
const here = dirname(fileURLToPath(import.meta.url));
/** TypeScript where the sources are, JavaScript in npm's package. */
const main = [".ts", ".js"].map((extension) => join(here, "..", "cli", `main${extension}`)).find(existsSync);

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) {
  hideExperimentalWarnings();
  keepCompiledCode();
  const { main: run } = await import(main);
  await run(process.argv.slice(2));
} else {
  runWith(findNode(here));
}

/** Only warnings about Node's own features under test: they tell a user of sanlab nothing. */
function hideExperimentalWarnings() {
  const emit = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    const [type] = rest;
    const name = typeof type === "string" ? type : (type?.type ?? warning?.name);
    if (name !== "ExperimentalWarning") emit.call(process, warning, ...rest);
  };
}

/**
 * Code that was compiled once is kept with sanlab's other files that can be made again, for this
 * process and all that it starts: a daemon takes 30 MiB less, and starts in half the time.
 */
function keepCompiledCode() {
  const cache = process.env.SANLAB_CACHE ?? join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "sanlab");
  process.env.NODE_COMPILE_CACHE ??= join(cache, "compiled");
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
}

/** node_modules/.bin/node of this directory or of one above it. */
function findNode(directory) {
  const candidate = join(directory, "node_modules", ".bin", "node");
  if (existsSync(candidate)) return candidate;
  return dirname(directory) === directory ? undefined : findNode(dirname(directory));
}

function runWith(node) {
  if (node === undefined) {
    const needed = NEEDED.join(".");
    process.stderr.write(
      `sanlab: Node ${needed} or newer is needed and this is ${process.versions.node}: run 'npm install' in the project, which brings one.\n`,
    );
    process.exit(1);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  // The terminal sends Ctrl-C to both; what else is sent to this process is meant for the other one.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`sanlab: ${node} could not be run: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal !== null) process.kill(process.pid, signal);
    process.exit(code ?? 1);
  });
}
