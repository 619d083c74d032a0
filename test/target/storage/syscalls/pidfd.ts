import { spawn } from "node:child_process";
import { once } from "node:events";
import test, { type ExecutionContext } from "ava";
import { ProcessHandle } from "node-iscsi-target/storage/syscalls/pidfd.ts";

async function sleeper(t: ExecutionContext) {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const exited = once(child, "exit");
  t.teardown(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  await once(child, "spawn");
  const handle = ProcessHandle.open(child.pid as number) as ProcessHandle;
  t.teardown(() => handle.close());
  return { child, exited, handle };
}

test("a process that lives has not ended, and waiting for it has a bound", async (t) => {
  const { handle } = await sleeper(t);
  t.false(handle.ended);
  t.false(await handle.waitForEnd(30));
});

test("a process is killed, and its end is seen", async (t) => {
  const { handle, exited } = await sleeper(t);
  t.true(handle.kill("SIGKILL"));
  t.true(await handle.waitForEnd(10_000));
  t.true(handle.ended);
  await exited;
  t.false(handle.kill("SIGKILL"), "there is nobody left to kill");
  t.true(handle.ended);
});

test("there is no handle of a process that does not exist", async (t) => {
  const { child, exited } = await sleeper(t);
  child.kill("SIGKILL");
  await exited;
  t.is(ProcessHandle.open(child.pid as number), undefined);
});

test("a handle that was closed is a bug to use", async (t) => {
  const { handle } = await sleeper(t);
  handle.close();
  handle.close();
  t.throws(() => handle.ended, { message: /was closed/ });
});
