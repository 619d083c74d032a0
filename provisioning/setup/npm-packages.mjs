/** npm packages: installed when they are missing or older than the lockfile; the second run changes nothing. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export function ensureNpmPackages(root) {
  const stamp = join(root, "node_modules", ".sanlab-setup");
  const wanted = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const node = join(root, "node_modules", ".bin", "node");
  if (existsSync(node) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return node;
  process.stderr.write("sanlab: installing npm packages\n");
  // `npm ci` refuses lockfiles that lack the optional packages of other platforms; `npm install` honours them.
  npm(root, ["install", "--no-audit", "--no-fund", "--loglevel=error"]);
  // npm 11 asks before it runs install scripts; the `node` package needs its own, which brings the binary.
  if (!existsSync(node)) npm(root, ["rebuild", "node", "--foreground-scripts"]);
  if (!existsSync(node))
    refuse(
      "the npm package `node`, which brings Node 26, did not install its binary: run `npm rebuild node` and try again.",
    );
  writeFileSync(
    stamp,
    createHash("sha256")
      .update(readFileSync(join(root, "package-lock.json")))
      .digest("hex"),
  );
  return node;
}

function npm(root, args) {
  const result = spawnSync("npm", args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (result.status !== 0) refuse(`"npm ${args.join(" ")}" failed; see above, and try again.`);
}

function refuse(sentence) {
  process.stderr.write(`sanlab: ${sentence}\n`);
  process.exit(1);
}
