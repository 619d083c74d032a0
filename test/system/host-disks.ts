/** Disks that come, grow and go while guests run, whoever logs in for them; cards, power, and secrets that stay secret. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { execa } from "execa";
import { countGuestBoot, guestDiskImage } from "../helpers/guest.ts";
import { type TestLab, testLab } from "../helpers/lab.ts";

/** One lab for all tests of this file, in order: each guest takes its time to boot. */
const test = anyTest.serial as TestFn;
const ends: (() => unknown)[] = [];
const SECRET = "known-to-this-lab-alone";
const HOSTS = ["multi", "virtio", "scsi"] as const;
let lab: TestLab;

test.before(async (t) => {
  t.timeout(1_200_000);
  const owner = { teardown: (end: () => unknown) => void ends.unshift(end) };
  lab = await testLab(owner as unknown as ExecutionContext);
  await writeFile(join(lab.directory, "lab.secret"), `${SECRET}\n`);
  await guestDiskImage();
  await lab.must("guest-image", "own.qcow2");
  const patience = "10min";
  await lab.up({
    lab: "test",
    pools: { main: { devices: [{ path: "main.img", size: "512MiB" }] } },
    disks: { data: { pool: "main", size: "64MiB" }, more: { pool: "main", size: "32MiB" } },
    agents: { a: { chap: { user: "lab", secretFile: "lab.secret" } }, b: {} },
    hosts: {
      multi: { disks: ["data"], nics: 2, patience },
      virtio: { disks: ["data"], initiator: "qemu", device: "virtio-blk", image: "own.qcow2", patience },
      scsi: { disks: ["data"], initiator: "qemu", device: "scsi-hd", patience },
    },
    zones: { all: { hosts: HOSTS, agents: ["a", "b"], disks: ["data", "more"] } },
  });
});

test.after.always(async () => {
  for (const end of ends) await end();
});

/** The sizes in MiB of the disks that a guest sees, smallest first; of multipath devices where it has them. */
async function sizes(host: string): Promise<string> {
  const kind = { multi: "dm-", virtio: "vd[b-z]", scsi: "sd" }[host] ?? "";
  const look = `for d in /sys/block/${kind}*; do [ ! -e $d/size ] || echo $(( $(cat $d/size) / 2048 )); done`;
  const seen = (await lab.guest(host, look)).split("\n").filter((line) => line !== "");
  return seen
    .map(Number)
    .sort((a, b) => a - b)
    .join(" ");
}

/** The seed of an image of one's own is a disk as well. */
const others = (host: string) => (host === "virtio" ? "1 " : "");

test("each guest sees its disk by its own initiator: two networks and multipath, virtio, SCSI", async (t) => {
  for (const host of HOSTS) t.is(await sizes(host), `${others(host)}64`, host);
  const addresses = await lab.guest("multi", "iscsiadm -m session | sed 's/.*] \\(.*\\):.*,.*/\\1/' | sort");
  t.is(addresses, "10.0.2.2\n10.0.3.2", "an agent over each card");
  t.is(await lab.guest("multi", "ls /sys/block/dm-0/slaves | wc -l"), "2");
  t.is(await lab.guest("virtio", "ls /dev/disk/by-id"), "virtio-data\nvirtio-seed");
});

test("a disk comes, grows and goes while its guests run", async (t) => {
  t.timeout(600_000);
  for (const host of HOSTS) {
    await lab.must("export", "create", host, "more");
    t.is(await sizes(host), `${others(host)}32 64`, host);
  }
  await lab.must("disk", "resize", "more", "--size", "48MiB");
  for (const host of HOSTS) t.is(await sizes(host), `${others(host)}48 64`, host);
  for (const host of HOSTS) {
    await lab.must("export", "delete", host, "more");
    t.is(await sizes(host), `${others(host)}64`, host);
  }
});

test("a disk that is mounted is not pulled from under its guest's file system", async (t) => {
  await lab.guest(
    "multi",
    "mkfs.ext4 -q /dev/mapper/mpatha && mkdir -p /mnt && mount /dev/mapper/mpatha /mnt && echo kept > /mnt/kept",
  );
  await lab.must("host", "rescan", "multi");
  t.is(await lab.guest("multi", "cat /mnt/kept; umount /mnt"), "kept");
  // Not shown anything any more, it lets go of its last disk as well.
  await lab.must("export", "delete", "multi", "data");
  t.is(await lab.guest("multi", "ls /dev/mapper /dev/disk/by-path 2> /dev/null | grep -c -e mpath -e lun; true"), "0");
  await lab.must("export", "create", "multi", "data");
  t.is(await sizes("multi"), "64");
});

test("options of exec stand before the guest's name or before the command's --", async (t) => {
  const { stdout } = await lab.run([
    "host",
    "exec",
    "multi",
    "--json",
    "--timeout",
    "60",
    "--",
    "printf",
    "%s",
    "--json",
  ]);
  t.deepEqual(JSON.parse(stdout), { exitCode: 0, stdout: "--json", stderr: "" });
  const { exitCode, stderr } = await lab.run(["host", "exec", "multi", "--jsn", "--", "true"]);
  t.is(exitCode, 2);
  t.regex(stderr, /unknown option '--jsn'/);
});

test("a paused guest stands still, and a guest whose power is cut is off", async (t) => {
  const state = async (name: string) =>
    (await lab.json<{ name: string; state: string }[]>("host", "list")).find((host) => host.name === name)?.state;
  await lab.must("host", "pause", "scsi");
  t.is(await state("scsi"), "paused");
  await lab.must("host", "resume", "scsi");
  t.is(await lab.guest("scsi", "echo goes on"), "goes on");
  await lab.must("host", "kill", "scsi");
  t.is(await state("scsi"), "stopped");
  t.is((await lab.run(["host", "pause", "scsi"])).exitCode, 3);
});

test("an image of one's own stays as it is, what the guest wrote stays too, and its seed is there for cloud-init", async (t) => {
  t.timeout(600_000);
  const image = join(lab.directory, "own.qcow2");
  const before = await digest(image);
  await lab.guest("virtio", "echo mine > /root/mine; sync");
  await lab.must("host", "stop", "virtio");
  t.is(await digest(image), before);
  await countGuestBoot();
  await lab.run(["host", "start", "virtio"], { timeoutMs: 600_000 });
  t.is(
    await lab.guest("virtio", "cat /root/mine; blkid -s LABEL -o value /dev/disk/by-id/virtio-seed"),
    "mine\nCIDATA",
  );
});

test("no argument, log or answer shows the secret", async (t) => {
  const shown = [
    await lab.must("agent", "list", "--json"),
    await lab.must("agent", "show", "a"),
    await lab.must("export", "script", "multi", "--format", "iscsiadm"),
    ...(await Promise.all(
      ["supervisor", "controller", "a", "b", "multi"].map((name) => lab.must("logs", name, "--lines", "1000")),
    )),
    (await execa("ps", ["-eo", "args"])).stdout,
    await lab.guest("multi", "ps -o args; dmesg"),
    await readFile(join(lab.directory, "state", "hosts", "multi.json"), "utf8"),
  ];
  for (const text of shown) t.false(text.includes(SECRET));
  const records = await lab.guest("multi", "find /etc/iscsi/nodes -type f | xargs grep -h auth.password");
  t.is(records, `node.session.auth.password = ${SECRET}`);
});

async function digest(file: string): Promise<string> {
  return (await execa("sha256sum", [file])).stdout;
}
