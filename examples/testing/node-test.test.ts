// A client that must retry: run with `node --test examples/testing/node-test.test.ts`. No guest is started.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { lab } from "sanlab";

const run = promisify(execFile);
const IQN = "iqn.2026-11.example:client";

/** The client under test; here, QEMU's image tool. */
async function readDisk(portal: string, target: string, lun: number): Promise<void> {
  const options = `driver=iscsi,transport=tcp,portal=${portal},target=${target},lun=${lun},initiator-name=${IQN}`;
  await run("qemu-io", ["-r", "-c", "read 0 512", "--image-opts", options]).then(({ stdout, stderr }) => {
    if (!/^read 512\/512/m.test(stdout)) throw new Error(stdout + stderr);
  });
}

void test("a client sees a bad sector, and reads again when it is mended", async () => {
  await using san = await lab({
    pools: { main: { devices: [{ path: "main.img", size: "64MiB" }] } },
    disks: { data: { pool: "main", size: "32MiB" } },
    agents: { a: {} },
    hosts: { client: { disks: ["data"], iqn: IQN, external: true } },
    zones: { all: { hosts: ["client"], agents: ["a"], disks: ["data"] } },
  });
  const [path] = await san.host("client").paths();
  assert.ok(path);
  await readDisk(path.portal, path.target, path.lun);

  const fault = await san.fault("on disk=data op=read lba=0 do sense medium-error/unrecovered-read-error");
  await assert.rejects(readDisk(path.portal, path.target, path.lun));
  assert.ok((await fault.show()).fired > 0);

  await fault.clear();
  await readDisk(path.portal, path.target, path.lun);
});
