import { setTimeout as delay } from "node:timers/promises";
import { BootWatch, noteReset } from "./boot-watch.ts";
import { durationText } from "./duration.ts";
import { GuestAgent, withGuestAgent } from "./guest-agent.ts";
import { hostFacts } from "./host-facts.ts";
import { hostTraces } from "./host-traces.ts";
import { killHost, waitForEnd } from "./process.ts";
import { hostProcess } from "./process-identity.ts";
import { qmpCommand } from "./qmp.ts";
import { VmError } from "./vm-error.ts";

const POLL_MS = 200;
/** For a guest that is up to answer its agent's channel. */
const AGENT_TIMEOUT_MS = 5_000;
/** One look at a guest that is going down or coming up. */
const ATTEMPT_TIMEOUT_MS = 2_000;
const QUIT_TIMEOUT_MS = 5_000;
/** Changes with every start of the guest's kernel (random(4)). */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/**
 * Returns when the guest's agent answers, which it does once devices, network and iSCSI daemon are up.
 * Throws HOST_DIED, GUEST_PANICKED or GUEST_TIMEOUT with the console's last lines, and HOST_NOT_RUNNING.
 */
export async function waitForGuest(runDir: string, { timeoutMs }: { timeoutMs: number }): Promise<void> {
  await explained(runDir, "did not come up", timeoutMs, async (watch) => {
    (await GuestAgent.connect(runDir, timeoutMs, () => watch.check())).close();
  });
}

/** How a host was stopped: by its guest, by QEMU at once, by a signal, or it was not running. */
export type PowerOffResult = "guest" | "quit" | "killed" | "not-running";

/**
 * Stops the host: asks the guest, which unmounts and logs out; after `timeoutMs`, or when its agent does not answer,
 * ends QEMU, which is a power cut to the guest.
 */
export async function powerOff(runDir: string, { timeoutMs }: { timeoutMs: number }): Promise<PowerOffResult> {
  const identity = await hostProcess(runDir);
  if (identity === undefined) return "not-running";
  if (await askGuest(runDir, Math.min(timeoutMs, AGENT_TIMEOUT_MS))) {
    if (await waitForEnd(identity, timeoutMs)) return "guest";
  }
  try {
    await qmpCommand(runDir, "quit");
    if (await waitForEnd(identity, QUIT_TIMEOUT_MS)) return "quit";
  } catch (error) {
    // A QEMU that does not listen, or that ends while it answers, is ended by the kernel below.
    if (!(error instanceof VmError)) throw error;
  }
  await killHost(runDir);
  return "killed";
}

/** Presses the reset button: the guest starts anew at once, without unmounting anything. */
export async function reset(runDir: string): Promise<void> {
  await qmpCommand(runDir, "system_reset");
  await noteReset(runDir);
}

/**
 * Reboots the guest in an orderly way, in the same QEMU process, and returns when its agent answers again.
 * Throws as `waitForGuest` does.
 */
export async function rebootGuest(runDir: string, { timeoutMs }: { timeoutMs: number }): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  await explained(runDir, "did not come back from its reboot", timeoutMs, async (watch) => {
    const before = await bootId(runDir, timeoutMs);
    await withGuestAgent(runDir, timeoutMs, (agent) => agent.shutDown("reboot", AGENT_TIMEOUT_MS));
    for (;;) {
      await delay(POLL_MS);
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new VmError("GUEST_TIMEOUT", "");
      await watch.check();
      const now = await bootIdIfUp(runDir, leftMs);
      if (now !== undefined && now !== before) return;
    }
  });
}

async function bootId(runDir: string, timeoutMs: number): Promise<string> {
  return withGuestAgent(runDir, timeoutMs, (agent) => agent.readFile(BOOT_ID, timeoutMs));
}

/** Undefined while the agent is on its way down or up, when it may take a request and never answer it. */
async function bootIdIfUp(runDir: string, timeoutMs: number): Promise<string | undefined> {
  try {
    return await bootId(runDir, Math.min(timeoutMs, ATTEMPT_TIMEOUT_MS));
  } catch (error) {
    if (error instanceof VmError && error.code !== "HOST_NOT_RUNNING") return undefined;
    throw error;
  }
}

async function askGuest(runDir: string, timeoutMs: number): Promise<boolean> {
  try {
    await withGuestAgent(runDir, timeoutMs, (agent) => agent.shutDown("powerdown", timeoutMs));
    return true;
  } catch (error) {
    if (error instanceof VmError) return false;
    throw error;
  }
}

/** Runs `waiting`, and says what became of the guest when it fails. */
async function explained(
  runDir: string,
  what: string,
  timeoutMs: number,
  waiting: (watch: BootWatch) => Promise<void>,
): Promise<void> {
  const watch = await BootWatch.begin(runDir);
  try {
    await waiting(watch);
  } catch (error) {
    if (!(error instanceof VmError)) throw error;
    const isRunning = (await hostProcess(runDir)) !== undefined;
    if (isRunning && error.code !== "GUEST_TIMEOUT") throw error;
    const details = await hostTraces(runDir);
    const words = (await watch.complaint()) ?? details.at(-1);
    const last = words === undefined ? "" : `; its last words: ${words.replace(/\.$/, "")}`;
    if (isRunning) {
      const { called } = await hostFacts(runDir);
      const sentence = `${called} ${what} within ${durationText(timeoutMs)}${last}.`;
      throw new VmError("GUEST_TIMEOUT", sentence, { details });
    }
    throw new VmError("HOST_DIED", `The QEMU host in ${runDir} is not running any more${last}.`, { details });
  }
}
