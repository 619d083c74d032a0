import { rm, stat, writeFile } from "node:fs/promises";
import test from "ava";
import { logFile } from "sanlab/state/layout.ts";
import { markedProcesses } from "sanlab/supervisor/marked.ts";
import type { DaemonStatus } from "sanlab/supervisor/supervisor.ts";
import { eventually } from "../../helpers/lab.ts";
import { supervisedState, type TestState } from "../../helpers/state-directory.ts";

/** A daemon that lives until it is ended: it follows a log. */
function follower(state: string): string[] {
  return ["logs", "supervisor", "--follow", "--state", state];
}

async function daemon({ supervisor }: TestState, name: string): Promise<DaemonStatus | undefined> {
  return (await supervisor.status())?.daemons.find((candidate) => candidate.name === name);
}

test("a daemon that is killed is started again, at once", async (t) => {
  const lab = await supervisedState(t);
  await lab.supervisor.put("one", follower(lab.state));
  const first = await daemon(lab, "one");
  t.is(first?.state, "running");
  process.kill(first?.pid as number, "SIGKILL");
  const second = await eventually("another process", async () => {
    const now = await daemon(lab, "one");
    return now?.pid !== null && now?.pid !== first?.pid ? now : undefined;
  });
  t.is(second.restarts, 1);
  t.is(second.lastEnd, "signal SIGKILL");
});

test("a supervisor that is killed loses nothing: the next one finds its daemons alive, and starts those that died", async (t) => {
  const lab = await supervisedState(t);
  await lab.supervisor.put("survivor", follower(lab.state));
  await lab.supervisor.put("victim", follower(lab.state));
  const [survivor, victim] = [await daemon(lab, "survivor"), await daemon(lab, "victim")];
  const before = await lab.supervisor.status();
  process.kill(before?.pid as number, "SIGKILL");
  process.kill(victim?.pid as number, "SIGKILL");
  await eventually("the supervisor is gone", async () => (await lab.supervisor.status()) === undefined);

  await lab.supervisor.start();
  t.is((await daemon(lab, "survivor"))?.pid, survivor?.pid);
  const again = await daemon(lab, "victim");
  t.is(again?.state, "running");
  t.not(again?.pid, victim?.pid);
  // An adopted process is no child, and is looked after all the same.
  process.kill(survivor?.pid as number, "SIGKILL");
  await eventually("the adopted daemon is started again", async () => {
    const now = await daemon(lab, "survivor");
    return now?.state === "running" && now.pid !== survivor?.pid;
  });
});

test("a daemon that no file names any more is ended by the next supervisor", async (t) => {
  const lab = await supervisedState(t);
  await lab.supervisor.put("orphan", follower(lab.state));
  const { pid } = (await lab.supervisor.status()) ?? {};
  process.kill(pid as number, "SIGKILL");
  await eventually("the supervisor is gone", async () => (await lab.supervisor.status()) === undefined);
  await rm(`${lab.state}/processes.json`);
  await lab.supervisor.start();
  t.deepEqual(await markedProcesses(lab.record.id), []);
});

test("stop ends all daemons and the supervisor; daemons run again with the next one", async (t) => {
  const lab = await supervisedState(t);
  await lab.supervisor.put("one", follower(lab.state));
  await lab.supervisor.stop();
  t.is(await lab.supervisor.status(), undefined);
  t.deepEqual(await markedProcesses(lab.record.id), []);
  await lab.supervisor.stop();
  await lab.supervisor.start();
  t.is((await daemon(lab, "one"))?.state, "running");
});

test("a daemon that was removed stays away", async (t) => {
  const lab = await supervisedState(t);
  await lab.supervisor.put("one", follower(lab.state));
  await lab.supervisor.remove("one");
  t.deepEqual(await markedProcesses(lab.record.id), []);
  t.is(await daemon(lab, "one"), undefined);
  await lab.supervisor.remove("one");
});

test("a paused daemon is frozen, goes on, and can be stopped while it is frozen", async (t) => {
  const lab = await supervisedState(t);
  await lab.supervisor.put("one", follower(lab.state));
  await lab.supervisor.signal("one", "SIGSTOP");
  t.is((await daemon(lab, "one"))?.state, "running");
  await lab.supervisor.remove("one");
  t.deepEqual(await markedProcesses(lab.record.id), []);
});

test("a daemon that fails again and again is tried ever more rarely, and what it said is in its log", async (t) => {
  const lab = await supervisedState(t);
  await lab.supervisor.put("broken", ["no-such-verb"]);
  const status = await eventually("a few ends", async () => {
    const now = await daemon(lab, "broken");
    return (now?.restarts ?? 0) >= 2 ? now : undefined;
  });
  t.is(status.lastEnd, "exit code 2");
  t.true((await stat(logFile(lab.state, "broken"))).size > 0);
  await lab.supervisor.remove("broken");
});

test("a second supervisor on one state directory gives way", async (t) => {
  const lab = await supervisedState(t);
  const first = await lab.supervisor.status();
  await lab.supervisor.start();
  t.is((await lab.supervisor.status())?.pid, first?.pid);
});

test("logs are bounded while their writers go on", async (t) => {
  const lab = await supervisedState(t);
  const log = logFile(lab.state, "large");
  await writeFile(log, "x".repeat(5 * 1024 * 1024));
  await eventually("the log was moved", async () => (await stat(log)).size === 0);
  t.is((await stat(`${log}.1`)).size, 5 * 1024 * 1024);
});

test("when the state directory is removed, everything ends", async (t) => {
  const lab = await supervisedState(t);
  await lab.supervisor.put("one", follower(lab.state));
  // Its processes write while it goes.
  await rm(lab.state, { recursive: true, maxRetries: 20 });
  await eventually("no process is left", async () => (await markedProcesses(lab.record.id)).length === 0);
  await t.throwsAsync(stat(lab.state), { code: "ENOENT" });
});
