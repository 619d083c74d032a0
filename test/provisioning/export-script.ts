/** What a person runs elsewhere, judged by the tools that read it, and the script run where it belongs: in a guest. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { guestExec } from "@sanlab/vm";
import anyTest, { type TestFn } from "ava";
import { execa } from "execa";
import { parse } from "yaml";
import { bootGuest } from "../helpers/guest.ts";
import { external, labOf, type TestLab, testLab } from "../helpers/lab.ts";
import { openDisk } from "../helpers/qemu-io.ts";

const test = anyTest.serial as TestFn;

/** Two paths to one disk, at addresses as a guest on user networking sees them. */
async function labForGuests(lab: TestLab): Promise<void> {
  const file = labOf({ agents: ["a", "b"], diskSize: "64MiB" }) as { agents: Record<string, object> };
  for (const name of ["a", "b"]) file.agents[name] = { portal: "127.0.0.1:0", advertise: "10.0.2.2" };
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
  for (const pool of pools) {
    await writeFile(join(lab.directory, "pool.xml"), pool);
    await execa("virt-xml-validate", [join(lab.directory, "pool.xml"), "storagepool"]);
  }
  const [path] = await lab.paths();
  const { write_files } = parse(await script(lab, "cloud-init")) as { write_files: { content: string }[] };
  t.true(write_files[0]?.content.includes(String(path?.target)));
  t.regex(await script(lab, "multipath"), /wwid\s+3[0-9a-f]{32}\n\s+alias data/);
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
  const url = await lab.url("data", "a");
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
  await sh("sh /run/disks logout && sh /run/disks logout 2> /dev/null || true");
  t.is(await sh("ls /dev/disk/by-path/*-lun-0 2> /dev/null | wc -l"), "0");
});

test("a host that sees nothing, and a format that is none, are refused in a sentence", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ diskSize: "64MiB" }));
  const nobody = await lab.run(["export", "script", "nobody", "--format", "qemu"]);
  t.is(nobody.exitCode, 1);
  t.regex(nobody.stderr, /^sanlab: Host 'nobody' sees no disk: .+\.$/);
  t.is((await lab.run(["export", "script", "outside", "--format", "floppy"])).exitCode, 2);
});
