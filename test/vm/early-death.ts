import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostProcess, killHost, probeKvm, startHost, VmError, waitForGuest } from "@sanlab/vm";
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

test("a guest whose kernel panics is not waited for, and the sentence quotes the kernel", async (t) => {
  const { runDir } = await startGuest(t, { append: ["rdinit=/usr/bin/false", "panic=0"] });
  const error = await t.throwsAsync(waitForGuest(runDir, { timeoutMs: 10 * GUEST_TIMEOUT_MS }), {
    instanceOf: VmError,
  });
  t.is(error.code, "GUEST_PANICKED");
  t.regex(
    error.message,
    /^Host 'guest' cannot start: its kernel says 'Kernel panic - not syncing: Attempted to kill init/,
  );
  t.regex(error.details.join("\n"), /Kernel panic - not syncing: Attempted to kill init/);
});

test("a guest with too little memory is not waited for, and the sentence says how much it has", async (t) => {
  const spec = { memoryMiB: 208 };
  const { runDir } = await startGuest(t, { spec, append: ["mem=160M"] });
  const error = await t.throwsAsync(waitForGuest(runDir, { timeoutMs: 10 * GUEST_TIMEOUT_MS }), {
    instanceOf: VmError,
  });
  t.is(error.code, "GUEST_PANICKED");
  t.regex(
    error.message,
    /^Host 'guest' has too little memory to start, 208MiB: its kernel says '(System is deadlocked on memory|Initramfs unpacking failed: write error|Out of memory)'; give it more\.$/,
  );
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
