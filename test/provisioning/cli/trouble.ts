/** What goes wrong on a user's machine, and what the command line says and leaves: one sentence, and nothing lost. */
import { once } from "node:events";
import { copyFile, mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { execa } from "execa";
import { listeningPorts } from "sanlab/apply/listening.ts";
import { readLabRecord } from "sanlab/state/lab-record.ts";
import { markedProcesses } from "sanlab/supervisor/marked.ts";
import { countGuestBoot } from "../../helpers/guest.ts";
import { eventually, guest, labOf, type TestLab, testLab } from "../../helpers/lab.ts";

// One after another: a lab is several processes, and their times on two cores would add up.
const test = anyTest.serial as TestFn;
const BIN = new URL("../../../provisioning/bin/sanlab.js", import.meta.url).pathname;
const SMALL = { diskSize: "64MiB", deviceSize: "128MiB" };

function state(lab: TestLab): string {
  return join(lab.directory, "state");
}

/** A refusal as it should be: exit code 1 and the one sentence. */
async function assertRefused(t: ExecutionContext, lab: TestLab, args: string[], sentence: RegExp): Promise<void> {
  const { exitCode, stderr } = await lab.run(args);
  t.is(exitCode, 1, stderr);
  const told = stderr.split("\n").filter((line) => !/^(- | {2})/.test(line)); // A step and what it says are progress.
  t.is(told.length, 1, stderr);
  t.regex(told[0] ?? "", sentence);
}

async function assertNothingRuns(t: ExecutionContext, lab: TestLab): Promise<void> {
  const record = await readLabRecord(state(lab));
  t.deepEqual(await markedProcesses(record?.id ?? ""), []);
}

test("a device that vanished is told by up, on a running lab and on one that is stopped; put back, it is as it was", async (t) => {
  t.timeout(120_000);
  const lab = await testLab(t);
  await lab.up(labOf(SMALL));
  const [image, elsewhere] = [join(lab.directory, "main-0.img"), join(lab.directory, "elsewhere.img")];
  await rename(image, elsewhere);
  const sentence = /^sanlab: The device .*main-0\.img of pool 'main' has vanished: put it back where it was/;
  await assertRefused(t, lab, ["up"], sentence);
  t.is((await lab.run(["status"])).exitCode, 0, "what runs goes on");
  const troubled = async () => (await lab.json<{ problem: string | null }[]>("agent", "list"))[0]?.problem;
  await lab.must("agent", "kill", "a");
  t.regex((await eventually("the agent misses its device", troubled)) ?? "", /main-0\.img does not exist/);
  await rename(elsewhere, image);
  await lab.must("up");
  t.is(await troubled(), null);

  await rename(image, elsewhere);
  await lab.must("down");
  await assertRefused(t, lab, ["up"], sentence);
  await assertNothingRuns(t, lab);
  await rename(elsewhere, image);
  await lab.must("up");
  t.is((await lab.agents())[0]?.state, "connected");
  await lab.must("check");
});

test("an agent that cannot serve is told by up, although nothing is to be changed", async (t) => {
  t.timeout(120_000);
  const lab = await testLab(t);
  await lab.up(labOf(SMALL));
  const [image, other] = [join(lab.directory, "main-0.img"), join(lab.directory, "other.img")];
  await lab.must("down");
  await rename(image, other);
  await writeFile(image, Buffer.alloc(128 * 1024 ** 2));
  await assertRefused(t, lab, ["up"], /^sanlab: .*main-0\.img does not carry the label of device/);
  await assertNothingRuns(t, lab);
  await rename(other, image);
  await lab.must("up");
});

test("a port that an agent had by itself, and that another program took, is replaced: up returns when the agent has its own", async (t) => {
  t.timeout(120_000);
  const lab = await testLab(t);
  await lab.up(labOf(SMALL));
  const [before] = await lab.agents();
  await lab.must("down");
  const port = Number(before?.portal.split(":")[1]);
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  t.teardown(() => void other.close());
  await lab.must("up", lab.file);
  const [after] = await lab.agents();
  t.not(after?.portal, before?.portal);
  const ports = await listeningPorts(after?.pid ?? 0);
  t.true(ports.has(Number(after?.portal.split(":")[1])));
});

test("tables that are damaged, or of a newer version, are told, and nothing runs; restored, they are as they were", async (t) => {
  t.timeout(120_000);
  const lab = await testLab(t);
  await lab.up(labOf(SMALL));
  await lab.must("down");
  const [tables, copy] = [join(state(lab), "controller.sqlite"), join(lab.directory, "copy.sqlite")];
  await copyFile(tables, copy);

  await writeFile(tables, Buffer.alloc(8192, "no tables"));
  const damaged = /^sanlab: The controller's tables are damaged: restore controller.sqlite/;
  for (const verb of ["up", "check"]) await assertRefused(t, lab, [verb], damaged);
  await assertNothingRuns(t, lab);

  await copyFile(copy, tables);
  const database = new DatabaseSync(tables);
  database.exec("PRAGMA user_version = 99");
  database.close();
  const newer = /^sanlab: .*controller\.sqlite was written by a newer sanlab \(format 99, this one knows/;
  for (const verb of ["up", "check"]) await assertRefused(t, lab, [verb], newer);
  await assertNothingRuns(t, lab);

  await copyFile(copy, tables);
  await lab.must("up");
  t.is((await lab.disks())[0]?.name, "data");
});

/**
 * Runs a shell script with the lab in `$lab` on a file system of its own, in a mount namespace that ends with it.
 * `sanlab` is the command line on that lab; `full KIB` leaves it room for that much, `roomy` for enough.
 */
async function onSmallDisk(lab: TestLab, script: string): Promise<string[]> {
  const disk = join(lab.directory, "disk");
  await mkdir(disk);
  const prelude = `
sanlab() { "${process.execPath}" "${BIN}" "$@" --state ${disk}/state 2>&1 | grep -v '^ *- \\|^To do'; }
full() { mount -o remount,size=$1k ${disk}; }
roomy() { full 65536; }
mount -t tmpfs -o size=64m none ${disk} && cp ${lab.file} ${disk}/lab.yaml && cd ${disk}
`;
  const { all, exitCode } = await execa("unshare", ["-m", "sh", "-c", prelude + script], {
    cwd: lab.directory,
    reject: false,
    stdin: "ignore",
    all: true,
  });
  if (exitCode !== 0) throw new Error(all);
  return all.split("\n");
}

/** The lab's own files did not fit, or the image of a pool. */
const FULL =
  /^sanlab: (No space is left on the file system of .*: free some|\S+ cannot be made: the file system is full; )/;

test("a disk that becomes full at whichever step of up is told, and nothing is left", async (t) => {
  t.timeout(180_000);
  const lab = await testLab(t);
  await lab.writeFile(labOf(SMALL));
  const sizes = [24, 48, 64, 80, 96, 112, 128];
  const lines = await onSmallDisk(
    lab,
    `for kib in ${sizes.join(" ")}; do
       full $kib; sanlab up lab.yaml
       if [ -e state ]; then roomy; sanlab down --destroy; fi
       echo "left: $(echo *)"
     done`,
  );
  const refusals = lines.filter((line) => line.startsWith("sanlab: "));
  t.true(refusals.length >= 4, lines.join("\n"));
  for (const refusal of refusals) t.regex(refusal, FULL);
  const left = lines.filter((line) => line.startsWith("left: "));
  t.deepEqual(
    left,
    sizes.map(() => "left: lab.yaml"),
  );
  const others = lines.filter((line) => !FULL.test(line) && !/^(left: |The lab is )/.test(line));
  t.deepEqual(others, [], "one sentence each");
});

test("a disk that is full under a running lab: changes are refused in a sentence, the lab is stopped and comes back whole", async (t) => {
  t.timeout(180_000);
  const lab = await testLab(t);
  await lab.writeFile(labOf(SMALL));
  const lines = await onSmallDisk(
    lab,
    `sanlab up lab.yaml
     head -c 64M /dev/zero > filler 2> /dev/null
     echo create; sanlab disk create more --size 8MiB --pool main
     echo again; sanlab up lab.yaml
     echo kill; sanlab agent kill a
     echo down; sanlab down
     echo up; sanlab up lab.yaml
     rm filler
     echo up; sanlab up lab.yaml
     sanlab disk create more --size 8MiB --pool main
     sanlab check
     sanlab down --destroy
     echo "left: $(echo *)"`,
  );
  const noSpace = (what: string) => lines.find((_, index) => lines[index - 1] === what) ?? "";
  t.regex(noSpace("create"), /^sanlab: No space is left on the file system of .*: free some and try again\.$/);
  t.is(noSpace("again"), "Nothing to change.");
  t.is(noSpace("down"), "The lab is stopped; 'sanlab up' brings it back.");
  t.regex(noSpace("up"), /^sanlab: No space is left on the file system of .*: free some and try again\.$/);
  t.deepEqual(lines.slice(-5), [
    "The lab is up: 'sanlab status' shows it, 'sanlab down' stops it.",
    "Disk 'more' of 8MiB is there.",
    "Every table is consistent.",
    "The lab is gone.",
    "left: lab.yaml",
  ]);
});

for (const line of ["- done: make sure of the guest image", "- done: start the guest of host 'web'"]) {
  test(`Ctrl-C while a guest is started leaves nothing: after "${line}"`, async (t) => {
    t.timeout(180_000);
    const lab = await testLab(t);
    const file = labOf({ ...SMALL, agents: ["a", "b"], hosts: { web: guest() } });
    await lab.writeFile(file);
    await countGuestBoot();
    const up = execa(process.execPath, [BIN, "up", lab.file], {
      cwd: lab.directory,
      reject: false,
      stdin: "ignore",
      env: { SANLAB_STATE: state(lab) },
    });
    for await (const told of up.iterable({ from: "stderr" })) if (told.startsWith(line)) up.kill("SIGINT");
    const { exitCode, stderr } = await up;
    t.is(exitCode, 1, stderr);
    t.regex(stderr, /sanlab: Interrupted: what had been done was taken back\.$/);
    t.deepEqual(await readdir(lab.directory), ["lab.yaml"]);
  });
}
