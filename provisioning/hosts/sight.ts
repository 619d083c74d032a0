import { setTimeout as delay } from "node:timers/promises";
import { guestExec, waitForGuest } from "@sanlab/vm";
import { hostRunDirectory } from "../state/layout.ts";
import { UserError } from "../user-error.ts";
import type { HostPath } from "./portals.ts";
import type { HostRecord } from "./record.ts";
import { distinctPortals, hasSeveralPaths } from "./start.ts";

/** In software and beside other guests, a boot takes seconds; on a busy machine, a good many. */
const BOOT_TIMEOUT_MS = 120_000;
const SIGHT_TIMEOUT_MS = 120_000;
const POLL_MS = 250;
/** What the script says, alone, where there is no multipath daemon and it was to look for its devices. */
const NO_MULTIPATH = "no multipath daemon";

/** A disk as the guest is to see it. */
export interface ExpectedDisk {
  readonly name: string;
  /** 32 hexadecimal digits: the guest's sysfs shows them as "naa.…". */
  readonly naa: string;
  readonly sizeBytes: number;
}

/**
 * Returns when the guest is up, is logged in on every path, and sees every disk in its full size (under multipath, as
 * one device of all its paths). Paths that came after the guest's start are logged in to, disks looked for anew.
 * Throws VmError where the guest died, and HOST where it does not see everything in time.
 */
export async function settleHost(
  state: string,
  record: HostRecord,
  paths: readonly HostPath[],
  disks: readonly ExpectedDisk[],
  signal?: AbortSignal,
): Promise<void> {
  const runDirectory = hostRunDirectory(state, record.name);
  await interruptible(waitForGuest(runDirectory, { timeoutMs: BOOT_TIMEOUT_MS }), signal);
  let look = record.initiator === "open-iscsi" ? openIscsiScript(paths, disks) : qemuScript(disks);
  const deadlineMs = performance.now() + SIGHT_TIMEOUT_MS;
  for (;;) {
    const { stdout } = await interruptible(guestExec(runDirectory, ["sh", "-c", look]), signal);
    const missing = stdout.trim();
    if (missing === "") return;
    if (missing === NO_MULTIPATH) {
      look = openIscsiScript(await interruptible(usablePaths(runDirectory, paths), signal), disks);
      continue;
    }
    if (performance.now() > deadlineMs) {
      throw new UserError(
        "HOST",
        `Host '${record.name}' does not see all its disks after ${SIGHT_TIMEOUT_MS / 1000} s: look into it with 'sanlab host console ${record.name}'.`,
        { details: missing.split("\n") },
      );
    }
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
}

/**
 * A guest that was started without multipath cannot put paths together: it keeps to one path for each disk, one that it
 * has already where there is one, and uses the others from its next start on.
 */
async function usablePaths(runDirectory: string, paths: readonly HostPath[]): Promise<readonly HostPath[]> {
  const { stdout } = await guestExec(runDirectory, ["ls", "/run/sanlab/portals"]);
  const portals = stdout.split("\n");
  return [...new Set(paths.map(({ disk }) => disk))].flatMap((disk) => {
    const ways = paths.filter((path) => path.disk === disk);
    return ways.find(({ portal }) => portals.includes(portal)) ?? ways.slice(0, 1);
  });
}

/**
 * Waits a moment for what is on its way: for a second, and for as long as udev is at work, five at most. Looking for
 * disks anew, from here, would only slow down a guest in software that has just found them.
 *
 * Prints a line for everything that is not as it should be, and does something about it. A session's disks are where
 * udev puts their links: by-path names portal, target and LUN.
 */
function openIscsiScript(paths: readonly HostPath[], disks: readonly ExpectedDisk[]): string {
  const isMultipath = hasSeveralPaths(paths);
  const logins = distinctPortals(paths).map(({ portal, target }) => `log_in '${portal}' '${target}'`);
  const looks = paths.map((path) => {
    const bytes = disks.find(({ name }) => name === path.disk)?.sizeBytes ?? 0;
    return `look '${path.disk}' '${pathLink(path)}' ${bytes}`;
  });
  return `
log_in() {
  [ -e "/run/sanlab/portals/$1" ] && return
  iscsiadm -m node -T "$2" -p "$1" -o new > /dev/null 2>&1
  iscsiadm -m node -T "$2" -p "$1" --login > /dev/null 2>&1
  case $? in 0 | 15) echo "$2" > "/run/sanlab/portals/$1" ;; *) echo "no session with $2 at $1" ;; esac
}
look() {
  if [ ! -e "$2" ]; then echo "no disk '$1' at $2"; lost=1; return; fi
  device=$(basename "$(readlink -f "$2")")
  size_of "$device" "$3" "disk '$1' at $2" || echo 1 > /sys/block/$device/device/rescan
  ${isMultipath ? `look_above "$1" "$device" "$3"` : ""}
}
size_of() {
  [ "$(( $(cat /sys/block/$1/size) * 512 ))" = "$2" ] || { echo "$3 has not its full size"; return 1; }
}
look_above() {
  holder=$(ls /sys/block/$2/holders | head -n 1)
  if [ -z "$holder" ]; then echo "no multipath device over $2 (disk '$1')"; return; fi
  size_of "$holder" "$3" "the multipath device of disk '$1'" || multipathd resize map "$(cat /sys/block/$holder/dm/name)" > /dev/null
}
all_there() {
  for link in ${paths.map((path) => `'${pathLink(path)}'`).join(" ")}; do
    [ -e "$link" ] || return 1
    ${isMultipath ? `set -- /sys/block/$(basename "$(readlink -f "$link")")/holders/*; [ -e "$1" ] || return 1` : ""}
  done
}
lost=
${isMultipath ? `pidof multipathd > /dev/null || { echo '${NO_MULTIPATH}'; exit; }` : ""}
tries=0
until [ -e /run/sanlab/logged-in ]; do
  [ $tries -lt 100 ] || { echo "no login yet at one of its first portals"; exit; }
  sleep 0.1
  tries=$((tries + 1))
done
${logins.join("\n")}
tries=0
until all_there || { [ $tries -ge 10 ] && [ ! -e /run/udev/queue ]; } || [ $tries -ge 50 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
${looks.join("\n")}
[ -z "$lost" ] || iscsiadm -m session --rescan > /dev/null 2>&1
true
`;
}

/** The link that udev makes in the guest for a disk on a path. */
export function pathLink({ portal, target, lun }: HostPath): string {
  return `/dev/disk/by-path/ip-${portal}-iscsi-${target}-lun-${lun}`;
}

/** QEMU's own initiator: the guest knows nothing of paths, and sees the logical unit's identity. */
function qemuScript(disks: readonly ExpectedDisk[]): string {
  const looks = disks.map(
    ({ name, naa }) => `cat /sys/block/*/device/wwid 2> /dev/null | grep -qi '${naa}' || echo "no disk '${name}'"`,
  );
  return `${looks.join("\n")}\ntrue`;
}

/** Rejects when `signal` does, although what is waited for goes on in the guest. */
async function interruptible<Result>(waiting: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return waiting;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([waiting, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    waiting.catch(() => undefined);
  }
}
