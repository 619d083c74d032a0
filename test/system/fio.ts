/** fio in a guest checks what it has written, while the disk below it is copied on write and moved. */
import test from "ava";
import { DISK } from "../helpers/guest-writer.ts";
import { labOf, testLab } from "../helpers/lab.ts";

const JOB = [
  "--name=checked --ioengine=libaio --direct=1 --iodepth=16 --rw=randwrite --bsrange=4k-256k --size=100%",
  "--verify=crc32c --verify_fatal=1 --loops=3 --output-format=json",
].join(" ");

test("fio finds all that it wrote, through snapshots and migrations of the disk", async (t) => {
  t.timeout(600_000);
  const lab = await testLab(t);
  // Without `memory`: what its addition wants has to be enough.
  const host = { disks: ["data"], initiator: "open-iscsi", additions: ["fio"] };
  const options = { agents: ["a", "b"], diskSize: "48MiB", deviceSize: "256MiB", hosts: { web: host } };
  const { pools, ...rest } = labOf(options) as { pools: { main: object } };
  const other = { segment: "1MiB", devices: [{ path: "other-0.img", size: "128MiB" }] };
  await lab.up({ ...rest, pools: { ...pools, other } });
  const path = (await lab.guest("web", `echo ${DISK}`)).trim();
  t.is(path, "/dev/mapper/mpatha");
  const work = lab.guest("web", `fio ${JOB} --filename=${path}`, 400_000);
  const below = (async () => {
    await lab.must("disk", "snapshot", "data", "first");
    await lab.must("disk", "migrate", "data", "--pool", "other");
    await lab.must("disk", "migrate", "data", "--pool", "main");
    await lab.must("disk", "snapshot", "data", "second");
  })();
  const [said] = await Promise.all([work, below]);
  const { jobs } = JSON.parse(said.slice(said.indexOf("{")));
  t.is(jobs[0].error, 0);
  t.is(jobs[0].write.io_kbytes, 3 * 48 * 1024);
  t.true(jobs[0].read.io_kbytes >= 3 * 48 * 1024);
  t.is((await lab.run(["check"])).exitCode, 0);
});
