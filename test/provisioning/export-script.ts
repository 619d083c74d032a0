/** What a person runs elsewhere, judged by the tools that read it, and the script run where it belongs: in a guest. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { guestExec } from "@sanlab/vm";
import anyTest, { type TestFn } from "ava";
import { execa } from "execa";
import { parse } from "yaml";
import { bootGuest } from "../helpers/guest.ts";
import { external, labOf, type TestLab, testLab } from "../helpers/lab.ts";
import { openDisk } from "../helpers/qemu-io.ts";

const test = anyTest.serial as TestFn;
/** Of agent a. */
const SECRET = "the-secret-of-agent-a";

/** Two paths to one disk, at addresses as a guest on user networking sees them. */
async function labForGuests(lab: TestLab): Promise<void> {
  const file = labOf({ agents: ["a", "b"], diskSize: "64MiB" }) as { agents: Record<string, object> };
  await writeFile(join(lab.directory, "lab.secret"), `${SECRET}\n`);
  const chap = { user: "lab", secretFile: "lab.secret" };
  file.agents.a = { portal: "127.0.0.1:0", advertise: "10.0.2.2", chap };
  file.agents.b = { portal: "127.0.0.1:0", advertise: "10.0.2.2" };
  await lab.up({ ...file, hosts: { outside: external("outside") } });
}

const script = (lab: TestLab, format: string) => lab.must("export", "script", "outside", "--format", format);

test("each format passes the tool that reads it", async (t) => {
  t.timeout(180_000);
  const lab = await testLab(t);
  await labForGuests(lab);
  const checks: Readonly<Record<string, readonly string[]>> = {
    iscsiadm: ["bash", "-n"],
    qemu: ["bash", "-n"],
    libvirt: ["virt-xml-validate"],
    vagrant: ["ruby", "-c"],
    "cloud-init": ["cloud-init", "schema", "--config-file"],
  };
  for (const [format, [program = "", ...args]] of Object.entries(checks)) {
    const path = join(lab.directory, format);
    await writeFile(path, `${await script(lab, format)}\n`);
    const { exitCode, all } = await execa(program, [...args, path, ...(format === "libvirt" ? ["domain"] : [])], {
      all: true,
      reject: false,
    });
    t.is(exitCode, 0, `${format}: ${all}`);
  }
  const pools = (await script(lab, "libvirt-pool")).split(/(?<=<\/pool>)\n/).filter(Boolean);
  t.is(pools.length, 2);
  const documents: [kind: string, texts: string[]][] = [
    ["storagepool", pools],
    ["storagevol", (await script(lab, "libvirt-volume")).split(/(?<=<\/volume>)\n/).filter(Boolean)],
    ["secret", [await script(lab, "libvirt-secret")]],
  ];
  for (const [kind, texts] of documents) {
    for (const text of texts) {
      const file = join(lab.directory, `${kind}.xml`);
      await writeFile(file, text);
      const { exitCode, all } = await execa("virt-xml-validate", [file, kind], { all: true, reject: false });
      t.is(exitCode, 0, `${kind}: ${all}\n${text}`);
    }
  }
  await lab.must("export", "script", "outside", "--format", "vagrant", "--output", join(lab.directory, "machine"));
  // It wants to see what it is to upload.
  await mkdir(join(lab.directory, "machine", "chap"));
  await writeFile(join(lab.directory, "machine", "chap", "a"), SECRET);
  const vagrant = await execa("vagrant", ["validate"], {
    cwd: join(lab.directory, "machine"),
    env: {
      VAGRANT_CHECKPOINT_DISABLE: "1",
      VAGRANT_DEFAULT_PROVIDER: "libvirt",
      VAGRANT_HOME: join(lab.directory, "vagrant-home"),
    },
    all: true,
    reject: false,
  });
  t.is(vagrant.exitCode, 0, vagrant.all);
  const [path] = await lab.paths();
  const { write_files } = parse(await script(lab, "cloud-init")) as { write_files: { content: string }[] };
  t.true(write_files[0]?.content.includes(String(path?.target)));
  t.regex(await script(lab, "multipath"), /wwid\s+3[0-9a-f]{32}\n\s+alias data/);
  for (const format of ["iscsiadm", "qemu", "libvirt", "vagrant", "cloud-init"])
    t.false((await script(lab, format)).includes(SECRET), format);
  const json = await lab.json<{ format: string; text: string }>("export", "script", "outside", "--format", "qemu");
  t.is(json.format, "qemu");
});

test("QEMU starts with the disk that its script names", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ diskSize: "64MiB" }));
  const path = join(lab.directory, "start.sh");
  await writeFile(path, await script(lab, "qemu"));
  const monitor = ["-display", "none", "-monitor", "stdio", "-S"];
  const { stdout } = await execa("sh", [path, ...monitor], { input: "info block\nquit\n" });
  t.regex(stdout, /disk0: .*iqn\.2026-11\.io\.sanlab:test\.a/);
});

test("the script attaches both paths in a guest under the host's name, and lets go of them again", async (t) => {
  t.timeout(180_000);
  const lab = await testLab(t);
  await labForGuests(lab);
  const url = await lab.url("data", "b");
  const disk = await openDisk(t, url, "iqn.2026-11.example:outside");
  await disk.write(0, 65536, 0x41);
  const guest = await bootGuest(t, { config: { initiatorName: "iqn.2026-11.example:its-own-name" } });
  const sh = async (command: string, input = "") => {
    const { exitCode, stdout, stderr } = await guestExec(guest.runDir, ["sh", "-c", command], {
      input,
      timeoutMs: 90_000,
    });
    t.is(exitCode, 0, `${command}: ${stdout}${stderr}`);
    return stdout.trim();
  };
  await sh("mkdir -p -m 700 /etc/sanlab/chap; cat > /etc/sanlab/chap/a", SECRET);
  await sh("cat > /run/disks", await script(lab, "iscsiadm"));
  await sh("sh /run/disks login && sh /run/disks");
  await sh(
    "udevadm settle; i=0; until [ $(ls /dev/disk/by-path/*-lun-0 2> /dev/null | wc -l) = 2 ]; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.1; done",
  );
  t.is(
    await sh(
      "for d in /dev/disk/by-path/*-lun-0; do dd if=$d bs=64k count=1 iflag=direct 2> /dev/null; done | tr -d A | wc -c",
    ),
    "0",
  );
  // multipath.conf: nothing in it is unknown, and the two paths are the disk under its name, used as ALUA says.
  await sh("modprobe dm-multipath && cat > /etc/multipath.conf", await script(lab, "multipath"));
  t.notRegex(await sh("multipath -t 2>&1"), /\.conf line|invalid|unknown/i);
  const map = await sh("multipath -d -v2 2>&1");
  t.regex(map, /data \(3[0-9a-f]{32}\) \S+ SANLAB/);
  t.regex(map, /policy='service-time 0' prio=50[^\n]*\n[^\n]*sd[a-z][^\n]*\n[^\n]*sd[a-z]/);
  await sh("sh /run/disks logout && sh /run/disks logout 2> /dev/null || true");
  t.is(await sh("ls /dev/disk/by-path/*-lun-0 2> /dev/null | wc -l"), "0");

  // The node database, as files: the initiator logs in by what it finds in it.
  const directory = join(lab.directory, "etc-iscsi");
  await lab.must("export", "script", "outside", "--format", "node-db", "--output", directory);
  const { stdout: archive } = await execa("tar", ["-C", directory, "-c", "."], { encoding: "buffer" });
  const { exitCode, stderr } = await guestExec(guest.runDir, ["tar", "-C", "/etc/iscsi", "-xf", "-"], {
    input: archive,
  });
  t.is(exitCode, 0, stderr);
  t.is(await sh("iscsiadm -m node | wc -l"), "2");
  const target = (await lab.paths()).find(({ agent }) => agent === "b")?.target ?? "";
  // iscsid takes its name when it starts.
  await sh("kill $(pidof iscsid); sleep 1; iscsid");
  await sh(`iscsiadm -m node -T ${target} --login && iscsiadm -m session | grep -q ${target}`);
});

test("a host that sees nothing, and a format that is none, are refused in a sentence", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ diskSize: "64MiB" }));
  const nobody = await lab.run(["export", "script", "nobody", "--format", "qemu"]);
  t.is(nobody.exitCode, 1);
  t.regex(nobody.stderr, /^sanlab: Host 'nobody' sees no disk: .+\.$/);
  t.is((await lab.run(["export", "script", "outside", "--format", "floppy"])).exitCode, 2);
  const tree = await lab.run(["export", "script", "outside", "--format", "node-db"]);
  t.is(tree.exitCode, 2);
  t.regex(tree.stderr, /node-db is a tree of files: name a directory for it with --output/);
});
