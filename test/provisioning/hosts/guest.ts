/** Guests as `up`, `host` and `status` handle them. */
import anyTest, { type TestFn } from "ava";
import { countGuestBoot } from "../../helpers/guest.ts";
import { eventually, guest, labOf, type TestLab, testLab } from "../../helpers/lab.ts";

// One after another: a guest in software wants the machine for itself.
const test = anyTest.serial as TestFn;
const SMALL = { diskSize: "64MiB", deviceSize: "256MiB" };

interface ProcessRow {
  readonly name: string;
  readonly pid: number | null;
  readonly state: string;
}

async function hostProcess(lab: TestLab, name: string): Promise<ProcessRow | undefined> {
  const { processes } = await lab.json<{ processes: ProcessRow[] }>("status");
  return processes.find((process) => process.name === `host-${name}`);
}

test("a guest's commands, its end and its return are the command line's", async (t) => {
  t.timeout(240_000);
  const lab = await testLab(t);
  await lab.up(labOf({ ...SMALL, hosts: { web: guest() } }));
  t.is((await hostProcess(lab, "web"))?.state, "running");

  const failing = await lab.run(["host", "exec", "web", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
  t.deepEqual(failing, { exitCode: 7, stdout: "out", stderr: "err" });
  const flags = await lab.run(["host", "exec", "web", "printf", "%s|", "--json", "-n", "a b"]);
  t.is(flags.stdout, "--json|-n|a b|", "what follows the guest's name is the command's");
  const json = await lab.run(["host", "exec", "--json", "web", "--", "echo", "hello"]);
  t.deepEqual(JSON.parse(json.stdout), { exitCode: 0, stdout: "hello\n", stderr: "" });
  const piped = await lab.run(["host", "exec", "--stdin", "web", "--", "sha256sum"], { input: "sanlab" });
  t.regex(piped.stdout, /^[0-9a-f]{64} /);
  t.is((await lab.run(["host", "exec", "--timeout", "1", "web", "--", "sleep", "60"])).exitCode, 1);
  t.is(
    (await lab.run(["host", "exec", "wbe", "--", "true"])).stderr,
    "sanlab: There is no guest 'wbe', only web; did you mean 'web'?",
  );
  const console = await lab.run(["host", "console", "web"], { input: "\u001d" });
  t.is(console.exitCode, 0, console.stderr);
  t.regex((await lab.run(["logs", "web"])).stdout, /sanlab: ready after/);

  process.kill((await hostProcess(lab, "web"))?.pid as number, "SIGKILL");
  await eventually("the guest is seen to have died", async () => (await hostProcess(lab, "web"))?.state === "died");
  t.is((await lab.run(["host", "exec", "web", "--", "true"])).exitCode, 3);
  await countGuestBoot();
  await lab.must("up", lab.file);
  t.is((await hostProcess(lab, "web"))?.state, "running");

  await lab.must("host", "stop", "web");
  t.is((await hostProcess(lab, "web"))?.state, "stopped");
  await lab.must("host", "stop", "web");
  await countGuestBoot();
  await lab.must("host", "start", "web");
  await lab.must("host", "start", "web");
  t.is(await lab.guest("web", "ls /dev/disk/by-path | wc -l"), "1");
});

test("running guests are given new disks, new paths and more space by the next up", async (t) => {
  t.timeout(240_000);
  const lab = await testLab(t);
  const hosts = { many: guest(), single: guest() };
  await lab.up({
    ...labOf({ ...SMALL, agents: ["a", "b"], hosts }),
    zones: {
      many: { hosts: ["many"], agents: ["a", "b"], disks: ["data"] },
      single: { hosts: ["single"], agents: ["a"], disks: ["data"] },
    },
  });
  const boots = () =>
    Promise.all(Object.keys(hosts).map((name) => lab.guest(name, "cat /proc/sys/kernel/random/boot_id")));
  const before = await boots();
  const disks = ["data", "more"];
  await lab.writeFile({
    ...labOf({
      ...SMALL,
      agents: ["a", "b", "c"],
      hosts: { many: { ...guest(), disks }, single: { ...guest(), disks } },
    }),
    disks: { data: { pool: "main", size: "96MiB" }, more: { pool: "main", size: "32MiB" } },
    zones: {
      many: { hosts: ["many"], agents: ["a", "b", "c"], disks },
      single: { hosts: ["single"], agents: ["a", "b"], disks },
    },
  });
  await lab.must("up", lab.file);
  const sizes = "cat /sys/block/$kind*/size | sort -n | uniq -c | awk '{print $1, $2 * 512 / 1048576}'";
  t.is(await lab.guest("many", `kind=sd; ${sizes}`), "3 32\n3 96");
  t.is(await lab.guest("many", `kind=dm; ${sizes}`), "1 32\n1 96", "each one device over all its paths");
  t.is(await lab.guest("single", `kind=sd; ${sizes}`), "1 32\n1 96", "without multipath a guest keeps to one path");
  t.deepEqual(await boots(), before, "nobody was rebooted for that");
});

test("two paths are one multipath device, and QEMU's own initiator shows the disk's identity", async (t) => {
  t.timeout(240_000);
  const lab = await testLab(t);
  const hosts = { web: guest(), direct: { disks: ["data"], memory: "256MiB", initiator: "qemu" } };
  await lab.up(labOf({ ...SMALL, agents: ["a", "b"], hosts }));
  t.is(await lab.guest("web", "ls /sys/block/dm-0/slaves | wc -l"), "2");
  const { naa } = await lab.json<{ naa: string }>("disk", "show", "data");
  t.true((await lab.guest("direct", "cat /sys/block/sd*/device/wwid")).includes(naa));
  await lab.guest(
    "direct",
    "dd if=/dev/urandom of=/dev/sda bs=1M count=2 oflag=direct && dd if=/dev/sda bs=1M count=2 iflag=direct | md5sum",
  );
});
