/**
 * Issue "What it must withstand": kill -9 of the controller, of an agent, and of both at once, on one lab with one guest
 * after another. The first wants a disk of which nothing is mapped yet.
 */
import anyTest, { type TestFn } from "ava";
import { assertWrittenFilesAreThere, startWriting, stopWriting } from "../helpers/guest-writer.ts";
import { eventually, guest, labOf, type TestLab, testLab } from "../helpers/lab.ts";

const test = anyTest.serial as TestFn;

interface Status {
  readonly supervisor: { readonly pid: number };
  readonly controller: { readonly pid: number | null; readonly state: string };
}

let lab: TestLab;
const ends: (() => Promise<void> | void)[] = [];

test.before(async () => {
  lab = await testLab({ teardown: (end) => void ends.push(end) });
  await lab.up(labOf({ hosts: { web: guest() } }));
});
test.after.always(async () => {
  for (const end of ends) await end();
});

test("mapped I/O goes on without the controller; I/O that faults waits for it and completes", async (t) => {
  t.timeout(240_000);
  const disk = "/dev/disk/by-path/*-lun-0";
  await lab.guest(
    "web",
    `dd if=/dev/urandom of=/run/piece bs=1M count=1 && dd if=/run/piece of=$(ls ${disk}) bs=1M oflag=direct`,
  );

  const { supervisor, controller } = await lab.json<Status>("status");
  // Held back, the supervisor cannot start another controller, so that "without" is certain.
  process.kill(supervisor.pid, "SIGSTOP");
  try {
    process.kill(controller.pid as number, "SIGKILL");
    const read = `dd if=$(ls ${disk}) bs=1M count=1 iflag=direct | cmp - /run/piece`;
    await lab.guest("web", read);
    await lab.guest("web", `dd if=/run/piece of=$(ls ${disk}) bs=1M oflag=direct conv=notrunc && ${read}`);
    await lab.guest(
      "web",
      `setsid sh -c 'dd if=/run/piece of=$(ls ${disk}) bs=1M seek=7 oflag=direct conv=notrunc && echo done > /run/faulted' > /dev/null 2>&1 < /dev/null &`,
    );
    await new Promise((resolve) => setTimeout(resolve, 2000));
    t.is((await lab.guest("web", "cat /run/faulted 2> /dev/null || echo waits")).trim(), "waits");
  } finally {
    process.kill(supervisor.pid, "SIGCONT");
  }
  await eventually("the write that faulted completes", async () => {
    return (await lab.guest("web", "cat /run/faulted 2> /dev/null || true")).includes("done");
  });
  await lab.guest("web", `dd if=$(ls ${disk}) bs=1M skip=7 count=1 iflag=direct | cmp - /run/piece`);
});

test("an agent that is killed while a guest writes comes back, and loses nothing that was acknowledged", async (t) => {
  t.timeout(240_000);
  await startWriting(lab, "web");

  for (const _round of [1, 2]) {
    const before = (await lab.agents())[0];
    process.kill(before?.pid as number, "SIGKILL");
    await eventually("the agent runs again under another pid", async () => {
      const now = (await lab.agents())[0];
      return now?.state === "connected" && now.pid !== before?.pid;
    });
    await eventually("the guest goes on writing", () => writesOn(lab));
  }

  await stopWriting(lab, "web");
  await assertWrittenFilesAreThere(t, lab, "web");
});

test("controller and agent killed at once come back, and nothing acknowledged is lost", async (t) => {
  t.timeout(240_000);
  await startWriting(lab, "web");
  const { controller } = await lab.json<Status>("status");
  const agent = (await lab.agents())[0];
  process.kill(controller.pid as number, "SIGKILL");
  process.kill(agent?.pid as number, "SIGKILL");
  await eventually("both run again", () => bothRunAgain(lab, controller.pid, agent?.pid ?? null));
  const written = Number(await lab.guest("web", "wc -l < /run/written"));
  await eventually("the guest goes on writing", async () => {
    return Number(await lab.guest("web", "wc -l < /run/written")) > written + 3;
  });
  await stopWriting(lab, "web");
  await assertWrittenFilesAreThere(t, lab, "web");
  t.is((await lab.run(["check"])).exitCode, 0);
});

async function writesOn(lab: TestLab): Promise<boolean> {
  const count = async () => Number(await lab.guest("web", "wc -l < /run/written"));
  const before = await count();
  await new Promise((resolve) => setTimeout(resolve, 500));
  return (await count()) > before;
}

async function bothRunAgain(lab: TestLab, controllerPid: number | null, agentPid: number | null): Promise<boolean> {
  const status = await lab.run(["status", "--json"]);
  if (status.exitCode !== 0) return false;
  const { controller } = JSON.parse(status.stdout) as Status;
  if (controller.pid === controllerPid || controller.state !== "running") return false;
  const agents = await lab.run(["agent", "list", "--json"]);
  if (agents.exitCode !== 0) return false;
  const [agent] = JSON.parse(agents.stdout) as { pid: number; state: string }[];
  return agent?.state === "connected" && agent.pid !== agentPid;
}
