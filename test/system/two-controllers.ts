/** Two controllers on one state directory, as a mistake or a file system without locks brings about. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { eventually, testLab } from "../helpers/lab.ts";

const BIN = new URL("../../provisioning/bin/sanlab.js", import.meta.url).pathname;

function startController(t: ExecutionContext, state: string) {
  const controller = execa(process.execPath, [BIN, "controller", "--state", state], { reject: false });
  t.teardown(async () => {
    controller.kill("SIGKILL");
    await controller;
  });
  return controller;
}

async function pidIn(state: string): Promise<number | undefined> {
  try {
    return (JSON.parse(await readFile(join(state, "controller.json"), "utf8")) as { pid: number }).pid;
  } catch {
    return undefined;
  }
}

test("a second controller is refused; one that was robbed of its lock ends once another has taken over", async (t) => {
  const lab = await testLab(t);
  const state = join(lab.directory, "state");
  const first = startController(t, state);
  await eventually("the first controller serves", async () => (await pidIn(state)) === first.pid);
  t.is((await lab.run(["check", "--state", state])).exitCode, 0, "a controller without a supervisor is asked");

  const refused = await startController(t, state);
  t.is(refused.exitCode, 1);
  t.regex(refused.stderr, /Another controller runs on these tables; stop it, or use another state directory\.$/);

  await rm(join(state, "controller.lock"));
  const second = startController(t, state);
  const { exitCode, stderr } = await first;
  t.is(exitCode, 1);
  t.regex(stderr, /Another controller has taken over these tables; this one changes nothing any more, and ends\.$/);
  await eventually("the second controller serves", async () => (await pidIn(state)) === second.pid);
  t.is((await lab.run(["check", "--state", state])).exitCode, 0);
});
