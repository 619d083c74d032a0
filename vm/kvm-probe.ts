import { constants } from "node:fs";
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { USER_SPACE_MARK } from "./boot-watch.ts";
import { readConsoleTail } from "./console.ts";
import type { GuestImage } from "./image/image-cache.ts";
import { killHost, startHost } from "./process.ts";
import { hostProcess } from "./process-identity.ts";
import { VmError } from "./vm-error.ts";

/** With a hypervisor, user space is reached in less than a second. */
const PROBE_TIMEOUT_MS = 6_000;
const POLL_MS = 50;

/**
 * Whether guests run under KVM on this machine, by a probe boot that reached user space.
 *
 * An openable /dev/kvm proves nothing: under some hypervisors a Linux guest hangs or dies on it. The answer is kept
 * in `cacheDir` until this machine is booted again or the image changes.
 */
export async function probeKvm(image: GuestImage, cacheDir: string): Promise<boolean> {
  if (!(await canOpenKvm())) return false;
  const key = `${(await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim()} ${image.contentKey}`;
  const file = join(cacheDir, "kvm-probe.json");
  const known = await readAnswer(file);
  if (known?.key === key) return known.works;
  const works = await bootsUnderKvm(image);
  await mkdir(cacheDir, { recursive: true });
  await writeFile(`${file}.${process.pid}`, JSON.stringify({ key, works }));
  await rename(`${file}.${process.pid}`, file);
  return works;
}

async function canOpenKvm(): Promise<boolean> {
  try {
    await access("/dev/kvm", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    // No such device, or not for us: the guest runs in software.
    return false;
  }
}

async function readAnswer(file: string): Promise<{ key: string; works: boolean } | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    // Not probed yet, or a file that cannot be read: the probe is made again.
    return undefined;
  }
}

async function bootsUnderKvm(image: GuestImage): Promise<boolean> {
  const runDir = await mkdtemp(join(tmpdir(), "sanlab-kvm-probe-"));
  const { kernel, initramfs } = image;
  try {
    await startHost(
      { name: "kvm-probe", memoryMiB: 256, accelerator: "kvm", boot: { kind: "kernel", kernel, initramfs }, nics: [] },
      runDir,
    );
    return await reachesUserSpace(runDir);
  } catch (error) {
    if (error instanceof VmError && error.code === "HOST_START_FAILED") return false;
    throw error;
  } finally {
    await killHost(runDir);
    await rm(runDir, { recursive: true, force: true });
  }
}

async function reachesUserSpace(runDir: string): Promise<boolean> {
  const deadlineMs = performance.now() + PROBE_TIMEOUT_MS;
  while (performance.now() < deadlineMs && (await hostProcess(runDir)) !== undefined) {
    const lines = await readConsoleTail(runDir, 100);
    if (lines.some((line) => line.includes(USER_SPACE_MARK))) return true;
    await delay(POLL_MS);
  }
  return false;
}
