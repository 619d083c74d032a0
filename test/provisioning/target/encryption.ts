/** `sanlab target` with LUNs that are encrypted, seen by QEMU's initiator and by what lies in their files. */
import { access, copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { refuseSharedKeys } from "sanlab/target/encryption.ts";
import { parseLun } from "sanlab/target/lun-option.ts";
import { startTarget } from "../../helpers/target-command.ts";

/** One command of qemu-io, in a session of its own. @throws where it fails, or a pattern is not there */
async function qemuIo(url: string, command: string): Promise<void> {
  const { stdout } = await execa("qemu-io", ["-f", "raw", "-c", command, url]);
  if (/failed/i.test(stdout)) throw new Error(stdout);
}

async function place(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-encrypted-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test("an encrypted image is the same disk after a restart, lies encrypted, and is refused without its key", async (t) => {
  const image = join(await place(t), "disk.img");
  const first = await startTarget(`${image},size=16MiB,thin,encrypted`);
  t.teardown(() => first.close());
  await qemuIo(first.url, "write -P 0x5a 1M 64k");
  await qemuIo(first.url, "read -P 0x5a 1M 64k");
  await first.close();
  t.false((await readFile(image)).includes(Buffer.alloc(16, 0x5a)));

  const again = await startTarget(`${image},thin,encrypted`);
  t.teardown(() => again.close());
  await qemuIo(again.url, "read -P 0x5a 1M 64k");
  await again.close();

  await copyFile(`${image}.key`, `${image}.elsewhere`);
  await rm(`${image}.key`);
  await t.throwsAsync(startTarget(`${image},thin,encrypted`), {
    message: /disk\.img\.key is not there: put the key back/,
  });
  await t.throwsAsync(access(`${image}.key`), { code: "ENOENT" }, "no other key was made");
  const moved = await startTarget(`${image},thin,encrypted=${image}.elsewhere`);
  t.teardown(() => moved.close());
  await qemuIo(moved.url, "read -P 0x5a 1M 64k");
});

test("where the key of a LUN is kept is said, or follows from where its image is", (t) => {
  t.is(parseLun("0=disk.img").key, undefined);
  t.deepEqual(parseLun("0=disk.img,encrypted").key, { path: "disk.img.key" });
  t.deepEqual(parseLun("0=/dev/vdb,encrypted=/etc/key").key, { path: "/etc/key" });
  t.is(parseLun("0=mem,size=1MiB,encrypted").key, "memory");
  t.throws(() => parseLun("0=/dev/vdb,encrypted"), { code: "lun", message: /encrypted=FILE/ });
  t.throws(() => parseLun("0=disk.img,encrypted="), { code: "lun", message: /the file of the key/ });
  const shared = ["0=a,encrypted=k", "1=b,encrypted=k"].map(parseLun);
  t.throws(() => refuseSharedKeys(shared), { code: "key", message: /--lun 1 .* its own/ });
});
