/** Debian packages: what is missing is installed where we may, else the command is printed. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";

const POLICY = "/usr/sbin/policy-rc.d";

/** Installs what is missing; ends the process with one sentence and the exact command where it may not. */
export function ensureDebianPackages(names) {
  const missing = missingPackages(names);
  if (missing.length === 0) return;
  const command = ["apt-get", "install", "-y", "--no-install-recommends", ...missing];
  const prefix = privilege();
  if (!existsSync("/usr/bin/apt-get"))
    refuse(`These Debian packages, or what holds the same programs here, are missing: ${missing.join(" ")}.`);
  if (prefix === undefined)
    refuse(`Debian packages are missing; install them and try again: sudo ${command.join(" ")}`);
  process.stderr.write(`sanlab: installing ${missing.join(" ")}\n`);
  withoutStartingServices(prefix, () => {
    run([...prefix, "apt-get", "update", "-qq"]);
    run([...prefix, "env", "DEBIAN_FRONTEND=noninteractive", ...command]);
  });
}

function missingPackages(names) {
  if (names.length === 0) return [];
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are placeholders of dpkg-query.
  const query = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...names], {
    encoding: "utf8",
  });
  if (query.error) return [...names];
  const installed = new Set(
    query.stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return names.filter((name) => !installed.has(name));
}

/** What to put before a command that needs root; undefined where root cannot be had without asking. */
function privilege() {
  if (process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"]).status === 0 ? ["sudo", "-n"] : undefined;
}

/** tgt's package starts a tgtd on port 3260 under systemd; a policy that denies it stands while we install, unless there is one already. */
function withoutStartingServices(prefix, install) {
  const ours = prefix.length === 0 && !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    install();
  } finally {
    if (ours) rmSync(POLICY, { force: true });
  }
}

function run(argv) {
  const result = spawnSync(argv[0], argv.slice(1), { stdio: ["ignore", 2, 2] });
  if (result.status !== 0) refuse(`"${argv.join(" ")}" failed; run it by hand to see why, and try again.`);
}

function refuse(sentence) {
  process.stderr.write(`sanlab: ${sentence}\n`);
  process.exit(1);
}
