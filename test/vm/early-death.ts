import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { hostProcess, killHost, probeKvm, readConsoleTail, startHost, VmError, waitForGuest } from "@sanlab/vm";
import test from "ava";
import { countGuestBoot, GUEST_TIMEOUT_MS, guestImage, startGuest, temporaryRunDir } from "../helpers/guest.ts";

test("a QEMU that does not start is reported in its own words", async (t) => {
  const runDir = await temporaryRunDir(t);
  const { initramfs } = await guestImage();
  const starting = startHost(
    { name: "web", memoryMiB: 256, boot: { kind: "kernel", kernel: "/nonexistent/vmlinux", initramfs }, nics: [] },
    runDir,
  );
  const error = await t.throwsAsync(starting, { instanceOf: VmError });
  t.is(error.code, "HOST_START_FAILED");
  t.regex(error.message, /host 'web': it ended with exit code 1 \(qemu: .*nonexistent\/vmlinux/);
  t.is(await hostProcess(runDir), undefined);
});

test("a QEMU that dies while its guest boots is reported with the console's last lines", async (t) => {
  const { runDir } = await startGuest(t);
  const waiting = waitForGuest(runDir, { timeoutMs: 30_000 });
  waiting.catch(() => {});
  await killHost(runDir);
  const error = await t.throwsAsync(waiting, { instanceOf: VmError });
  t.is(error.code, "HOST_DIED");
  t.regex(error.message, /not running any more/);
});

test("a guest that does not come up is reported with the console's last lines", async (t) => {
  const { runDir } = await startGuest(t, { append: ["rdinit=/usr/bin/false", "panic=0"] });
  const hasPanicked = async () => (await readConsoleTail(runDir, 50)).some((line) => line.includes("Kernel panic"));
  const deadlineMs = performance.now() + GUEST_TIMEOUT_MS;
  while (!(await hasPanicked()) && performance.now() < deadlineMs) await delay(100);
  const error = await t.throwsAsync(waitForGuest(runDir, { timeoutMs: 500 }), { instanceOf: VmError });
  t.is(error.code, "GUEST_TIMEOUT");
  t.regex(error.details.join("\n"), /Kernel panic - not syncing: Attempted to kill init/);
});

test("whether KVM works is found out by a boot, told the same again, and leaves nothing behind", async (t) => {
  const cacheDir = await mkdtemp(join(tmpdir(), "sanlab-probe-"));
  t.teardown(() => rm(cacheDir, { recursive: true, force: true }));
  const image = await guestImage();
  await countGuestBoot();
  const works = await probeKvm(image, cacheDir);
  t.is(await probeKvm(image, cacheDir), works);
  const [file] = await readdir(cacheDir);
  if (file !== undefined) t.is(JSON.parse(await readFile(join(cacheDir, file), "utf8")).works, works);
  t.deepEqual(
    (await readdir(tmpdir())).filter((name) => name.startsWith("sanlab-kvm-probe-")),
    [],
  );
});
