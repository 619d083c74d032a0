/** When a host sees its disks: looked at from inside, or, where no agent of ours answers in it, by its logins. */
import { setTimeout as delay } from "node:timers/promises";
import { BootWatch, durationText, guestExec, hostTraces, VmError, waitForGuest } from "@sanlab/vm";
import { hostRunDirectory } from "../state/layout.ts";
import { UserError } from "../user-error.ts";
import { distinctPortals, type HostPath, hasSeveralPaths } from "./portals.ts";
import { plugDisks } from "./qemu-disks.ts";
import type { HostRecord } from "./record.ts";
import { readSecret } from "./secret.ts";
import { type Login, NO_MULTIPATH, openIscsiScript, qemuScript } from "./sight-script.ts";

const POLL_MS = 250;
/** What a script in the guest may take: its own waiting is bounded, and a guest that is busy answers late. */
const SCRIPT_TIMEOUT_MS = { least: 10_000, most: 120_000 } as const;

/** A disk as the guest is to see it. */
export interface ExpectedDisk {
  readonly name: string;
  /** 32 hexadecimal digits: the guest's sysfs shows them as "naa.…". */
  readonly naa: string;
  readonly sizeBytes: number;
}

/** Of the controller's sessions, what is looked at here. */
export interface HostSession {
  readonly agent: string;
  readonly initiator: string;
}

/** A host, and what it is to see. */
export interface Sight {
  readonly state: string;
  readonly record: HostRecord;
  readonly paths: readonly HostPath[];
  readonly disks: readonly ExpectedDisk[];
  readonly sessions: () => Promise<readonly HostSession[]>;
  readonly signal?: AbortSignal;
}

/**
 * Returns when the guest is up, is logged in on every path, and sees every disk in its full size (under multipath, as
 * one device of all its paths). Paths that came after the guest's start are logged in to, disks looked for anew, and
 * disks that it is not shown any more are let go.
 * Throws VmError where the guest died, and HOST where it does not see everything in time, with what its console said.
 */
export async function settleHost(sight: Sight): Promise<void> {
  const { state, record, paths, disks, signal } = sight;
  const runDirectory = hostRunDirectory(state, record.name);
  const deadlineMs = performance.now() + record.patienceMs;
  // QEMU is logged in at its start, and takes disks while the guest boots.
  if (!record.guestAgent) return settleBySessions(sight, deadlineMs);
  await interruptible(waitForGuest(runDirectory, { timeoutMs: record.patienceMs }), signal);
  if (record.initiator === "qemu") await plugDisks(runDirectory, record, paths, disks);
  let usable = paths;
  for (;;) {
    const look =
      record.initiator === "qemu" ? qemuScript(record, disks) : openIscsiScript(usable, disks, await logins(usable));
    const missing = await interruptible(said(runDirectory, look, deadlineMs), signal);
    if (missing === "") return;
    if (missing === NO_MULTIPATH) {
      usable = await interruptible(pathsWithoutMultipath(runDirectory, paths), signal);
      continue;
    }
    if (performance.now() > deadlineMs) throw await late(record, runDirectory, missing.split("\n"));
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
}

/** Every agent of its paths has a session of the host. */
async function settleBySessions({ state, record, paths, sessions, signal }: Sight, deadlineMs: number): Promise<void> {
  const runDirectory = hostRunDirectory(state, record.name);
  const watch = await BootWatch.begin(runDirectory);
  for (;;) {
    await watch.check();
    const present = (await sessions()).filter(({ initiator }) => initiator === record.iqn).map(({ agent }) => agent);
    const missing = [...new Set(paths.map(({ agent }) => agent))].filter((agent) => !present.includes(agent));
    if (missing.length === 0) return;
    if (performance.now() > deadlineMs)
      throw await late(
        record,
        runDirectory,
        missing.map((agent) => `no login at agent '${agent}'`),
      );
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
}

/** With what was missing, and what the guest has said: all that is left of it when `up` has taken it back. */
async function late(
  { name, patienceMs }: HostRecord,
  runDirectory: string,
  missing: readonly string[],
): Promise<UserError> {
  const sentence = `Host '${name}' did not see all its disks within ${durationText(patienceMs)}: what it lacked, and the end of its console, follow.`;
  return new UserError("HOST", sentence, { details: [...missing, ...(await hostTraces(runDirectory))] });
}

/**
 * The script goes in by standard input: it may hold secrets, and arguments are seen by everybody in the guest. A guest
 * that is too busy to answer lacks something as well, and is asked again.
 */
async function said(runDirectory: string, script: string, deadlineMs: number): Promise<string> {
  const argv = ["sh", "-c", 'script=$(cat); eval "$script"'];
  const { least, most } = SCRIPT_TIMEOUT_MS;
  const timeoutMs = Math.round(Math.max(least, Math.min(most, deadlineMs - performance.now())));
  const look = guestExec(runDirectory, argv, { input: script, timeoutMs });
  const answer = await look.catch((error: unknown) => {
    if (error instanceof VmError && error.code === "GUEST_TIMEOUT") return undefined;
    throw error;
  });
  if (answer === undefined) return `a look at its disks did not end within ${durationText(timeoutMs)}`;
  const { stdout, stderr, exitCode } = answer;
  if (exitCode !== 0)
    throw new VmError(
      "GUEST_AGENT_ERROR",
      `A look at the guest's disks failed in ${runDirectory} (${stderr.trim().split("\n")[0] ?? ""}).`,
    );
  return stdout.trim();
}

async function logins(paths: readonly HostPath[]): Promise<Login[]> {
  const portals = distinctPortals(paths).map(async ({ portal, target, chap }) => ({
    portal,
    target,
    ...(chap === undefined ? {} : { chap: { user: chap.user, secret: await readSecret(chap.secretFile) } }),
  }));
  return Promise.all(portals);
}

/**
 * A guest that was started without multipath cannot put paths together: it keeps to one path for each disk, one that it
 * has already where there is one, and uses the others from its next start on.
 */
async function pathsWithoutMultipath(runDirectory: string, paths: readonly HostPath[]): Promise<readonly HostPath[]> {
  if (!hasSeveralPaths(paths)) return paths;
  const { stdout } = await guestExec(runDirectory, ["ls", "/run/sanlab/portals"]);
  const portals = stdout.split("\n");
  return [...new Set(paths.map(({ disk }) => disk))].flatMap((disk) => {
    const ways = paths.filter((path) => path.disk === disk);
    return ways.find(({ portal }) => portals.includes(portal)) ?? ways.slice(0, 1);
  });
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
