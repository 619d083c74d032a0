import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostProcess, isAlive, processIdentity, signalProcess } from "@sanlab/vm";
import test from "ava";
import { execa } from "execa";

test("a process is known by its number and its start time", async (t) => {
  const self = await processIdentity(process.pid);
  t.is(self?.pid, process.pid);
  t.true(self !== undefined && (await isAlive(self)));
  t.false(self !== undefined && (await isAlive({ ...self, startTicks: self.startTicks - 1 })));
});

test("a process that has ended is not alive, and signalling it does nothing", async (t) => {
  const child = execa("sleep", ["60"], { reject: false });
  const identity = await processIdentity(child.pid ?? 0);
  if (identity === undefined) return t.fail("the child is not there");
  await signalProcess(identity, "SIGKILL");
  await child;
  t.false(await isAlive(identity));
  await t.notThrowsAsync(signalProcess(identity, "SIGKILL"));
});

test("a pid file whose number another process has by now is not believed", async (t) => {
  const runDir = await mkdtemp(join(tmpdir(), "sanlab-pid-"));
  t.teardown(() => rm(runDir, { recursive: true }));
  t.is(await hostProcess(runDir), undefined);
  await writeFile(join(runDir, "qemu.pid"), `${process.pid}\n`);
  t.is(await hostProcess(runDir), undefined);
  const inside = execa("sleep", ["60"], { cwd: runDir, reject: false });
  t.teardown(() => inside.kill("SIGKILL"));
  await writeFile(join(runDir, "qemu.pid"), `${inside.pid}\n`);
  t.is((await hostProcess(runDir))?.pid, inside.pid);
});
