/** Issue "What it must withstand": kill -9 of everything, followed by `sanlab up`. */
import test from "ava";
import { DISK } from "../helpers/guest-writer.ts";
import { countGuests, eventually, guest, labOf, testLab } from "../helpers/lab.ts";
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

test("a guest that was killed with everything else finds its file system clean and its synced files whole", async (t) => {
  t.timeout(300_000);
  const lab = await testLab(t);
  await lab.up(labOf({ agents: ["a", "b"], hosts: { web: guest() } }));
  await lab.guest("web", `mkfs.ext4 -q ${DISK} && mkdir -p /mnt && mount ${DISK} /mnt`);
  const sum = await lab.guest("web", "head -c 8000000 /dev/urandom > /mnt/f && sync && sha256sum < /mnt/f");
  const endless = lab.run([
    "host",
    "exec",
    "web",
    "--",
    "sh",
    "-c",
    "while :; do head -c 65536 /dev/urandom >> /mnt/g; done",
  ]);

  const { processes, supervisor } = await lab.json<Status>("status");
  for (const pid of [supervisor.pid, ...processes.map((process) => process.pid)]) {
    if (pid !== null) process.kill(pid, "SIGKILL");
  }
  await endless;
  await lab.must("up", lab.file);
  countGuests({ hosts: { web: {} } });

  await eventually(
    "the guest has its disk",
    async () => (await lab.run(["host", "exec", "web", "--", "sh", "-c", `test -b ${DISK}`])).exitCode === 0,
  );
  await lab.guest("web", `fsck.ext4 -p ${DISK} && fsck.ext4 -fn ${DISK} && mkdir -p /mnt && mount ${DISK} /mnt`);
  t.is(await lab.guest("web", "sha256sum < /mnt/f"), sum);
  t.is((await lab.run(["check"])).exitCode, 0);
});
