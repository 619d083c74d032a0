import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { commandLine } from "./command-line.ts";
import { durationText } from "./duration.ts";
import type { Boot, HostSpec } from "./host-spec.ts";
import { hostTraces } from "./host-traces.ts";
import { hostProcess, isAlive, type ProcessIdentity, signalProcess } from "./process-identity.ts";
import { findProgram } from "./programs.ts";
import { connectQmp } from "./qmp.ts";
import { RUN_FILES } from "./run-directory.ts";
import { VmError } from "./vm-error.ts";

const QEMU = "qemu-system-x86_64";
/** From QEMU's start to its answer on the control socket; a few tens of milliseconds on an idle machine. */
const START_TIMEOUT_MS = 20_000;
const POLL_MS = 20;

export interface StartOptions {
  /** The host's own archive (`guestOverlay`), which goes behind the initramfs. */
  readonly overlay?: Uint8Array;
}

/**
 * Starts QEMU for `spec` in `runDir` (created when missing) and returns when its control socket answers.
 *
 * The process is its own session and outlives the caller; `hostProcess(runDir)` finds it again. It has started to
 * boot; `waitForGuest` tells when it is up.
 * Throws PROGRAM_MISSING, INVALID_HOST, HOST_ALREADY_RUNNING, or HOST_START_FAILED with QEMU's own words.
 */
export async function startHost(spec: HostSpec, runDir: string, options: StartOptions = {}): Promise<ProcessIdentity> {
  const program = await findProgram(QEMU);
  await mkdir(runDir, { recursive: true });
  if ((await hostProcess(runDir)) !== undefined) {
    throw new VmError("HOST_ALREADY_RUNNING", `A QEMU host runs in ${runDir} already: stop it first.`);
  }
  await Promise.all(Object.values(RUN_FILES).map((name) => rm(join(runDir, name), { force: true })));
  const boot = await prepareBoot(spec.boot, runDir, options.overlay);
  const args = commandLine({ ...spec, boot });
  const qemu = await spawnDetached(program, args, runDir);
  return waitForStart(spec, runDir, qemu);
}

/** A kernel's first root file system has the host's own files behind it. */
async function prepareBoot(boot: Boot, runDir: string, overlay: Uint8Array | undefined): Promise<Boot> {
  if (boot.kind !== "kernel") return boot;
  await writeInitramfs(runDir, boot.initramfs, overlay);
  return { ...boot, initramfs: RUN_FILES.initramfs };
}

/** Ends QEMU at once, as a power cut would end the host. Nothing happens when it is not running. */
export async function killHost(runDir: string): Promise<void> {
  const identity = await hostProcess(runDir);
  if (identity === undefined) return;
  await signalProcess(identity, "SIGKILL");
  await waitForEnd(identity, START_TIMEOUT_MS);
}

/** True when the process ended within `timeoutMs`. */
export async function waitForEnd(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  while (await isAlive(identity)) {
    if (performance.now() > deadlineMs) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** The image's archive and the host's behind it, as one file: QEMU takes one, and the kernel unpacks both. */
async function writeInitramfs(runDir: string, base: string, overlay: Uint8Array | undefined): Promise<void> {
  const path = join(runDir, RUN_FILES.initramfs);
  await pipeline(
    async function* () {
      yield* createReadStream(base, { highWaterMark: 1 << 20 });
      if (overlay !== undefined) yield overlay;
    },
    // The host's own files may hold secrets.
    createWriteStream(`${path}.new`, { mode: 0o600 }),
  );
  await rename(`${path}.new`, path);
}

interface Spawned {
  readonly pid: number | undefined;
  /** Set when the process has ended, or could not be started. */
  ending: string | undefined;
}

async function spawnDetached(program: string, args: readonly string[], runDir: string): Promise<Spawned> {
  // A stream that is open already is handed to the process as it is, without passing through this one.
  const log = createWriteStream(join(runDir, RUN_FILES.qemuLog));
  await once(log, "open");
  const subprocess = execa(program, args, {
    cwd: runDir,
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    stdin: "ignore",
    stdout: log,
    stderr: log,
  });
  subprocess.nodeChildProcess.unref();
  const spawned: Spawned = { pid: subprocess.pid, ending: undefined };
  void subprocess.then((result) => {
    spawned.ending = result.signal === undefined ? `exit code ${result.exitCode}` : `signal ${result.signal}`;
  });
  return spawned;
}

async function waitForStart(spec: HostSpec, runDir: string, qemu: Spawned): Promise<ProcessIdentity> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (qemu.ending === undefined && performance.now() < deadlineMs) {
    const identity = await hostProcess(runDir);
    if (identity !== undefined && (await answersQmp(runDir))) return identity;
    await delay(POLL_MS);
  }
  await killHost(runDir);
  const details = await hostTraces(runDir);
  const reason =
    qemu.ending === undefined
      ? `it did not answer within ${durationText(START_TIMEOUT_MS)}`
      : `it ended with ${qemu.ending}`;
  const words = details.at(-1) === undefined ? "" : ` (${details.at(-1)})`;
  throw new VmError("HOST_START_FAILED", `QEMU could not be started for the host '${spec.name}': ${reason}${words}.`, {
    details,
  });
}

async function answersQmp(runDir: string): Promise<boolean> {
  try {
    (await connectQmp(runDir)).close();
    return true;
  } catch (error) {
    // QEMU listens only once its devices are there; if it ends first, the caller sees that.
    if (error instanceof VmError && error.code === "HOST_NOT_RUNNING") return false;
    throw error;
  }
}
