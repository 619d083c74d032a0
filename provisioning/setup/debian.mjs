/** Debian packages: what is missing is installed where we may, else the command is printed. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const APT = "/usr/bin/apt-get";
const LOCK = "/var/lock/sanlab-setup.lock";

/**
 * tgt's package starts a tgtd on port 3260 under systemd, so a policy that denies services stands
 * while we install, unless somebody else's is there. One that we left behind when we were killed is
 * known by its comment. All in one shell, so that one lock and one `sudo` cover it.
 */
const INSTALL = `
policy=/usr/sbin/policy-rc.d
mark='# put here by the set-up of sanlab, for as long as it installs packages'
if [ ! -e $policy ] || grep -qF "$mark" $policy; then
  trap 'rm -f '$policy EXIT
  trap 'exit 1' INT TERM HUP
  printf '#!/bin/sh\\n%s\\nexit 101\\n' "$mark" > $policy && chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "$@"
`;

/** Installs what is missing; ends the process with one sentence and the exact command where it may not. */
export function ensureDebianPackages(names) {
  const missing = missingPackages(names);
  if (missing.length === 0) return;
  if (!existsSync(APT)) {
    refuse(
      `this machine has no apt-get; install by its own means what these Debian packages bring: ${missing.join(" ")}.`,
    );
  }
  const command = `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  const privilege = findPrivilege();
  if (privilege === undefined) {
    refuse(`Debian packages are missing, and only root may install them: run "sudo ${command}" and try again.`);
  }
  process.stderr.write(`sanlab: installing ${missing.join(" ")}\n`);
  const [program, ...args] = [...privilege, "flock", LOCK, "sh", "-c", INSTALL, "sh", ...missing];
  const result = spawnSync(program, args, { stdio: ["ignore", 2, 2] });
  if (result.status !== 0 || missingPackages(names).length > 0) {
    refuse(`Debian packages could not be installed; the reason stands above. Run "${command}" by hand and try again.`);
  }
}

/** One call, so that it takes no time where all is there. */
function missingPackages(names) {
  if (names.length === 0) return [];
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are placeholders of dpkg-query.
  const format = "${Package} ${db:Status-Status}\n";
  const query = spawnSync("dpkg-query", ["-W", "-f", format, ...names], { encoding: "utf8" });
  if (query.error) return [...names];
  const lines = new Set(query.stdout.split("\n"));
  return names.filter((name) => !lines.has(`${name} installed`));
}

/** What to put before a command that needs root; undefined where root cannot be had without asking. */
function findPrivilege() {
  if (process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"]).status === 0 ? ["sudo", "-n"] : undefined;
}

function refuse(sentence) {
  process.stderr.write(`sanlab: ${sentence}\n`);
  process.exit(1);
}
