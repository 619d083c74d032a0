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
install='apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600'
welcome=$1
shift
apt-get update -qq
[ $# = 0 ] || $install "$@" || exit
[ -z "$welcome" ] || $install $welcome || echo "sanlab: goes on without $welcome, which only makes it quicker" >&2
`;

/**
 * Installs what is missing of `names`; ends the process with one sentence and the exact command where it may not. What is
 * missing of `welcome` is installed along with it, and where `isWorthACall` also alone, if it can be had and we may.
 */
export function ensureDebianPackages(names, welcome = [], isWorthACall = false) {
  const missing = missingPackages(names);
  if (missing.length === 0 && !isWorthACall) return;
  const extra = missingPackages(welcome);
  if (missing.length + extra.length === 0) return;
  const privilege = existsSync(APT) ? findPrivilege() : undefined;
  if (missing.length > 0 && privilege === undefined) refuse(byHand(missing));
  if (privilege === undefined) return;
  process.stderr.write(`sanlab: installing ${[...missing, ...extra].join(" ")}\n`);
  const [program, ...args] = [...privilege, "flock", LOCK, "sh", "-c", INSTALL, "sh", extra.join(" "), ...missing];
  const result = spawnSync(program, args, { stdio: ["ignore", 2, 2] });
  if (missing.length > 0 && (result.status !== 0 || missingPackages(names).length > 0)) {
    refuse(
      `Debian packages could not be installed; the reason stands above. Run "${commandFor(missing)}" by hand and try again.`,
    );
  }
}

function byHand(missing) {
  return existsSync(APT)
    ? `Debian packages are missing, and only root may install them: run "sudo ${commandFor(missing)}" and try again.`
    : `this machine has no apt-get; install by its own means what these Debian packages bring: ${missing.join(" ")}.`;
}

function commandFor(missing) {
  return `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
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
