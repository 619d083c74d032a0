/** What `up` refuses, in one sentence and with nothing done: ports, devices, programs, room. */
import { once } from "node:events";
import { mkdir, readdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { execa } from "execa";
import { readLabRecord } from "sanlab/state/lab-record.ts";
import { markedProcesses } from "sanlab/supervisor/marked.ts";
import { labOf, testLab } from "../../helpers/lab.ts";

// One after another: a lab is several processes, and their times on two cores would add up.
const test = anyTest.serial as TestFn;
const BIN = new URL("../../../provisioning/bin/sanlab.js", import.meta.url).pathname;
const SMALL = { diskSize: "64MiB", deviceSize: "128MiB" };

/** A port that nobody had a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

test("a port in use is told before anything is done", async (t) => {
  const lab = await testLab(t);
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  t.teardown(async () => void other.close());
  const { port } = other.address() as { port: number };
  await lab.writeFile({ ...labOf(SMALL), agents: { a: { portal: `127.0.0.1:${port}` } } });
  const { exitCode, stderr } = await lab.run(["up", lab.file]);
  t.is(exitCode, 1);
  t.is(
    stderr,
    `sanlab: The portal 127.0.0.1:${port} of agent 'a' is in use by another program: free it, or give the agent another port (0 takes any free one).`,
  );
  t.deepEqual(await readdir(lab.directory), ["lab.yaml"]);
});

test("a port that was taken while the lab was stopped is told, and the lab stays stopped", async (t) => {
  t.timeout(120_000);
  const lab = await testLab(t);
  const port = await freePort();
  await lab.up({ ...labOf(SMALL), agents: { a: { portal: `127.0.0.1:${port}` } } });
  const record = await readLabRecord(join(lab.directory, "state"));
  await lab.must("down");
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  const { exitCode, stderr } = await lab.run(["up", lab.file]);
  t.is(exitCode, 1);
  t.regex(stderr, /^sanlab: The portal 127.0.0.1:[0-9]+ of agent 'a' is in use by another program/);
  t.deepEqual(await markedProcesses(record?.id ?? ""), []);
  t.is((await lab.run(["status"])).exitCode, 3);
  other.close();
  await once(other, "close");
  await lab.must("up", lab.file);
  t.is((await lab.agents())[0]?.portal, `127.0.0.1:${port}`);
});

test("a device that is not there is told before anything is done", async (t) => {
  const lab = await testLab(t);
  const path = join(lab.directory, "gone.img");
  await lab.writeFile({ ...labOf(SMALL), pools: { main: { devices: [{ path }] } } });
  const { exitCode, stderr } = await lab.run(["up", lab.file]);
  t.is(exitCode, 1);
  t.is(
    stderr,
    `sanlab: The device ${path} of pool 'main' is not there: give it a 'size' to have an image of that size created, or correct its path.`,
  );
  t.deepEqual(await readdir(lab.directory), ["lab.yaml"]);
});

test("a program that guests need and that is missing is told with the package that has it", async (t) => {
  const lab = await testLab(t);
  await lab.writeFile(labOf({ ...SMALL, hosts: { web: { disks: ["data"] } } }));
  const { exitCode, stderr } = await execa(process.execPath, [BIN, "up", lab.file], {
    cwd: lab.directory,
    reject: false,
    stdin: "ignore",
    env: { SANLAB_STATE: join(lab.directory, "state"), PATH: "/nowhere" },
  });
  t.is(exitCode, 1);
  t.regex(stderr, /^sanlab: qemu-system-x86_64 is needed .*'apt-get install qemu-system-x86'\.$/);
  t.deepEqual(await readdir(lab.directory), ["lab.yaml"]);
});

test("a full disk is told in one sentence, and nothing is left", async (t) => {
  const lab = await testLab(t);
  await lab.writeFile({ ...labOf(SMALL), disks: {}, hosts: {}, zones: {} });
  // A file system that is full from the beginning, in a mount namespace of its own.
  const full = join(lab.directory, "full");
  await mkdir(full);
  const script = `mount -t tmpfs -o size=16k none ${full} && head -c 16384 /dev/zero > ${full}/filler; rm -f ${full}/filler; head -c 12288 /dev/zero > ${full}/filler; "$@"; code=$?; ls -A ${full} >&2; exit $code`;
  const argv = ["-m", "sh", "-c", script, "sh", process.execPath, BIN, "up", lab.file, "--state", join(full, "state")];
  const { exitCode, stderr } = await execa("unshare", argv, { cwd: lab.directory, reject: false, stdin: "ignore" });
  t.is(exitCode, 1, stderr);
  t.regex(stderr, /sanlab: No space is left on the file system of .*: free some and try again\.\nfiller$/);
});
