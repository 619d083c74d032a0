/** Issue "What it must withstand": kill -9 of everything, followed by `sanlab up`. */
import test from "ava";
import { countGuests, guest, labOf, testLab } from "../helpers/lab.ts";

interface Status {
  readonly processes: readonly { readonly name: string; readonly pid: number | null }[];
  readonly supervisor: { readonly pid: number };
}

test("after kill -9 of every process `up` brings the lab back with all that was synced", async (t) => {
  t.timeout(240_000);
  const lab = await testLab(t);
  const file = labOf({ agents: ["a", "b"], hosts: { web: guest() } });
  await lab.up(file);
  const disk = "$( [ -e /dev/mapper/mpatha ] && echo /dev/mapper/mpatha || ls /dev/disk/by-path/*-lun-0 | head -n 1 )";
  const script = `mkdir -p /mnt; mkfs.ext4 -q -F ${disk} && mount ${disk} /mnt && head -c 3000000 /dev/urandom > /mnt/file && sync && md5sum /mnt/file`;
  const checksum = await lab.guest("web", script);

  const { processes, supervisor } = await lab.json<Status>("status");
  t.true(processes.length >= 4, "controller, two agents and a guest");
  for (const pid of [supervisor.pid, ...processes.map((process) => process.pid)]) {
    if (pid !== null) process.kill(pid, "SIGKILL");
  }

  await lab.must("up", lab.file);
  countGuests(file);
  t.is(await lab.guest("web", `mkdir -p /mnt; mount ${disk} /mnt && md5sum /mnt/file`), checksum);
  await lab.guest("web", "umount /mnt");
  t.is((await lab.run(["check"])).exitCode, 0);
});
