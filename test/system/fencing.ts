/**
 * Two guests, each on an agent of its own, that share a disk as cluster nodes do: registered both,
 * reserved for registrants, and one puts the other out (what fence_scsi does with sg_persist).
 */
import test, { type ExecutionContext } from "ava";
import { DISK } from "../helpers/guest-writer.ts";
import { eventually, guest, labOf, type TestLab, testLab } from "../helpers/lab.ts";

interface Status {
  readonly supervisor: { readonly pid: number };
  readonly controller: { readonly pid: number | null };
}

const out = (options: string) => `sg_persist --out ${options} ${DISK}`;
const REGISTER = "--register-ignore --param-aptpl";
/** WRITE EXCLUSIVE, REGISTRANTS ONLY. */
const TYPE = "--prout-type=5";

async function keys(lab: TestLab, host: string): Promise<string[]> {
  // What it has to be told comes with the first command.
  const said = await lab.guest(host, `sg_turs ${DISK} > /dev/null; sg_persist --in --read-keys ${DISK}`);
  return (said.match(/^ +0x[0-9a-f]+$/gm) ?? []).map((line) => line.trim()).sort();
}

async function writes(lab: TestLab, host: string, seek: number): Promise<boolean> {
  const write = `dd if=/dev/urandom of=${DISK} bs=4k count=1 seek=${seek} oflag=direct conv=notrunc`;
  return (await lab.run(["host", "exec", host, "--", "sh", "-c", write])).exitCode === 0;
}

/** Each host reaches the disk through its own agent only. */
async function twoNodes(t: ExecutionContext): Promise<TestLab> {
  const lab = await testLab(t);
  const description = labOf({ agents: ["a", "b"], diskSize: "64MiB", hosts: { web: guest(), db: guest() } });
  const zones = {
    left: { hosts: ["web"], agents: ["a"], disks: ["data"] },
    right: { hosts: ["db"], agents: ["b"], disks: ["data"] },
  };
  await lab.up({ ...description, zones });
  return lab;
}

test("a node that was put out stays out, through ends of its agent and of the controller, until it is let in again", async (t) => {
  t.timeout(400_000);
  const lab = await twoNodes(t);
  await lab.guest("web", out(`${REGISTER} --param-sark=0xaaa`));
  await lab.guest("db", out(`${REGISTER} --param-sark=0xddd`));
  await lab.guest("web", out(`--reserve --param-rk=0xaaa ${TYPE}`));
  t.deepEqual(await keys(lab, "web"), ["0xaaa", "0xddd"]);
  t.deepEqual(await keys(lab, "db"), ["0xaaa", "0xddd"]);
  const status = await lab.guest("db", `sg_persist --in --read-full-status ${DISK}`);
  t.regex(status, /Key=0xaaa[\s\S]*relative port address: 0x1[\s\S]*Key=0xddd[\s\S]*relative port address: 0x2/i);
  t.true(await writes(lab, "web", 0));
  t.true(await writes(lab, "db", 1));

  await lab.guest("db", out(`--preempt-abort --param-rk=0xddd --param-sark=0xaaa ${TYPE}`));
  t.deepEqual(await keys(lab, "web"), ["0xddd"]);
  t.false(await writes(lab, "web", 2));
  t.true(await writes(lab, "db", 3));

  const agent = (await lab.agents()).find(({ name }) => name === "a");
  process.kill(agent?.pid as number, "SIGKILL");
  await eventually("agent a serves its host again", async () => {
    const said = await lab.run(["host", "exec", "web", "--", "sh", "-c", `sg_turs ${DISK}`]);
    return said.exitCode === 0;
  });
  t.false(await writes(lab, "web", 4));

  const { supervisor, controller } = await lab.json<Status>("status");
  process.kill(supervisor.pid, "SIGSTOP");
  try {
    process.kill(controller.pid as number, "SIGKILL");
    t.true(await writes(lab, "db", 1), "what is mapped needs no controller");
    t.false(await writes(lab, "web", 1));
    const register = out(`${REGISTER} --param-sark=0xaaa`);
    await lab.guest("web", `setsid sh -c '${register} && echo done > /run/registered' > /dev/null 2>&1 < /dev/null &`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    t.is((await lab.guest("web", "cat /run/registered 2> /dev/null || echo waits")).trim(), "waits");
  } finally {
    process.kill(supervisor.pid, "SIGCONT");
  }
  await eventually("the registration completes", async () => {
    return (await lab.guest("web", "cat /run/registered 2> /dev/null || true")).includes("done");
  });
  t.deepEqual(await keys(lab, "db"), ["0xaaa", "0xddd"]);
  t.true(await writes(lab, "web", 5));
});
