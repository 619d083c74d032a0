/** Images become disks, and disks images; QEMU's own tools say whether the contents are the same. */
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { execa } from "execa";
import { labOf, type TestLab, testLab } from "../../helpers/lab.ts";

const MIB = 1024 ** 2;
const BIN = new URL("../../../provisioning/bin/sanlab.js", import.meta.url).pathname;

/** An image with a pattern in two places and holes between them. */
async function image(lab: TestLab, name: string, format: "raw" | "qcow2", mebibytes = 16): Promise<string> {
  const path = join(lab.directory, name);
  await execa("qemu-img", ["create", "-q", "-f", format, path, `${mebibytes}M`]);
  await execa("qemu-io", ["-f", format, "-c", "write -P 65 0 64k", "-c", `write -P 66 ${mebibytes - 1}M 1M`, path]);
  return path;
}

async function diskNames(lab: TestLab): Promise<string[]> {
  return (await lab.disks()).map(({ name }) => name).sort();
}

test("an image becomes a disk and an image again, holes and all, through an agent that asks for CHAP", async (t) => {
  const lab = await testLab(t);
  await writeFile(join(lab.directory, "lab.secret"), "a-long-enough-secret\n");
  const definition = labOf({ diskSize: "64MiB" }) as { agents: Record<string, object> };
  definition.agents.a = { portal: "127.0.0.1:0", chap: { user: "lab", secretFile: "lab.secret" } };
  await lab.up(definition);
  for (const format of ["raw", "qcow2"] as const) {
    const source = await image(lab, `source.${format}`, format);
    const disk = await lab.json<{ size: number; mappedSegments: number }>(
      "disk",
      "import",
      source,
      format,
      "--pool",
      "main",
    );
    t.is(disk.size, 16 * MIB);
    t.is(disk.mappedSegments, 2, "only what was written takes space");
    const copy = join(lab.directory, `copy.${format}`);
    await lab.must("disk", "export", format, copy);
    await execa("qemu-img", ["compare", "-f", format, "-F", format, source, copy]);
    const again = await lab.run(["disk", "export", format, copy]);
    t.regex(again.stderr, /copy\.\w+ is there already and was left as it is/);
    await lab.must("disk", "export", format, copy, "--force");
  }
  const { stdout } = await execa("iscsi-ls", ["-s", (await lab.url("data", "a")).replace(/\/[^/]*\/0$/, "")], {
    reject: false,
  });
  t.false(stdout.includes("Lun"), "without the secret, nobody sees anything");
  t.deepEqual(await lab.json("host", "list").then((hosts) => (hosts as { name: string }[]).map(({ name }) => name)), [
    "outside",
  ]);
});

test("what cannot become a disk is refused, and leaves nothing", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ diskSize: "64MiB" }));
  const base = await image(lab, "base.qcow2", "qcow2");
  const above = join(lab.directory, "above.qcow2");
  await execa("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", above]);
  const broken = join(lab.directory, "broken.qcow2");
  await writeFile(broken, Buffer.concat([Buffer.from("514649fb", "hex"), Buffer.alloc(508, 0xff)]));
  const refusals: readonly (readonly [args: string[], words: RegExp])[] = [
    [[join(lab.directory, "none.img")], /^sanlab: The image .*none\.img is not there: name one that is\.$/],
    [[lab.directory], /^sanlab: .* is a directory: name the image in it\.$/],
    [[above], /above\.qcow2 needs another file, .*base\.qcow2: make one of it all/],
    [[broken], /broken\.qcow2 is no image that QEMU reads/],
    [[base, "--size", "8MiB"], /holds 16MiB, and disk 'fresh' has 8MiB: make the disk at least as large/],
  ];
  for (const [args, words] of refusals) {
    const [file = "", ...options] = args;
    const { exitCode, stderr } = await lab.run(["disk", "import", file, "fresh", "--pool", "main", ...options]);
    t.is(exitCode, 1, stderr);
    t.regex(stderr, words);
    t.deepEqual(await diskNames(lab), ["data"]);
  }
  t.deepEqual(
    (await readdir(lab.directory)).filter((name) => name.includes("partial")),
    [],
  );
});

test("an import that was interrupted, or killed, leaves no disk", async (t) => {
  t.timeout(180_000);
  const lab = await testLab(t);
  await lab.up(labOf({ diskSize: "64MiB", deviceSize: "1GiB" }));
  const big = join(lab.directory, "big.img");
  await execa("dd", ["if=/dev/urandom", `of=${big}`, "bs=1M", "count=400"]);
  // A slow disk, so that the import is under way when it ends.
  await lab.must("fault", "add", "on", "op=write", "do", "delay", "300ms");
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const importing = execa(process.execPath, [BIN, "disk", "import", big, "big", "--pool", "main"], {
      cwd: lab.directory,
      env: { SANLAB_STATE: join(lab.directory, "state") },
      reject: false,
      detached: true,
    });
    while (!(await diskNames(lab)).includes("big")) await delay(50);
    // The whole group, as when a terminal closes.
    process.kill(-(importing.pid as number), signal);
    const { exitCode, stderr } = await importing;
    if (signal === "SIGTERM") t.is(exitCode, 1, stderr);
    // The next operation on the lab takes back what a killed one left.
    await lab.must("up", lab.file);
    t.deepEqual(await diskNames(lab), ["data"], signal);
    t.deepEqual(
      (await lab.json<{ name: string }[]>("zone", "list")).map(({ name }) => name),
      ["all"],
    );
  }
  await rm(big);
});
