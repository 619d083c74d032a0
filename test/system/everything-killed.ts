/** Issue "What it must withstand": kill -9 of everything, followed by `sanlab up`. */
import test from "ava";
import { labOf, testLab } from "../helpers/lab.ts";
import { openDisk } from "../helpers/qemu-io.ts";

interface Status {
  readonly processes: readonly { readonly name: string; readonly pid: number | null }[];
  readonly supervisor: { readonly pid: number };
}

test("after kill -9 of every process `up` brings the lab back with all that was written", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ agents: ["a", "b"] }));
  const iqn = "iqn.2026-11.example:outside";
  const before = await openDisk(t, await lab.url("data", "a"), iqn);
  await before.write(0, 3_000_320, 0x5a);

  const { processes, supervisor } = await lab.json<Status>("status");
  t.true(processes.length >= 3, "the controller and two agents");
  for (const pid of [supervisor.pid, ...processes.map((process) => process.pid)]) {
    if (pid !== null) process.kill(pid, "SIGKILL");
  }

  await lab.must("up", lab.file);
  const after = await openDisk(t, await lab.url("data", "b"), iqn);
  await after.expectPattern(0, 3_000_320, 0x5a);
  t.is((await lab.run(["check"])).exitCode, 0);
});
