/** What cannot be done with a device or a program is said in a sentence: nobody is shown a bug. */
import { chmod, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileMedia } from "@sanlab/controller/devices/medium.ts";
import { credentials } from "@sanlab/controller/remote/tls.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { scratchImage } from "../../helpers/scratch.ts";

const LABEL = { cluster: "cluster", uuid: "00000000-0000-4000-8000-000000000001", segmentBytes: 65_536 };
const MEDIUM = new URL("../../../controller/devices/medium.ts", import.meta.url).pathname;

test("an image that the file system cannot hold is refused, and none is left behind", async (t) => {
  const path = await scratchImage(t);
  const script = `
    import { existsSync } from "node:fs";
    import { fileMedia } from ${JSON.stringify(MEDIUM)};
    try { fileMedia.adopt(${JSON.stringify(path)}, ${JSON.stringify(LABEL)}, { sizeBytes: 2 ** 30 }); }
    catch (error) { console.log(error.constructor.name, error.message, existsSync(${JSON.stringify(path)})); }`;
  // The limit makes ftruncate fail as the limit of a file system does.
  const limited = `trap '' XFSZ; ulimit -f 8; exec "$@"`;
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script];
  const { stdout } = await execa("sh", ["-c", limited, "sh", ...node]);
  t.is(stdout, `Refusal ${path} cannot be as large as that on its file system; choose a smaller size. false`);
});

test("an image in a directory that is not there is refused, and the directory named", async (t) => {
  const directory = join(dirname(await scratchImage(t)), "nowhere");
  const adopt = () => fileMedia.adopt(join(directory, "one.img"), LABEL, { sizeBytes: 1_048_576 });
  const message = `${directory}/one.img cannot be created, since there is no directory ${directory}; make it, or name another place.`;
  t.throws(adopt, { instanceOf: Refusal, message });
});

test("a device that another has locked is refused as in use, when it is added and when it is opened", async (t) => {
  const path = await scratchImage(t);
  const { medium } = fileMedia.adopt(path, LABEL, { sizeBytes: 1_048_576 });
  t.teardown(() => medium.close());
  for (const attempt of [() => fileMedia.adopt(path, LABEL, {}), () => fileMedia.open(path, LABEL.uuid)])
    t.throws(attempt, { instanceOf: Refusal, message: /is in use by another lab or process/ });
});

test.serial("programs that fail or are not there are named, with what they said", async (t) => {
  const image = await scratchImage(t);
  const directory = dirname(image);
  await writeFile(image, Buffer.alloc(1_048_576));
  await withPrograms(t, directory, "echo 'no entropy today' >&2; exit 3");
  t.throws(() => credentials(directory, "test", ["localhost"]), {
    instanceOf: Refusal,
    message: /openssl could not make the lab's certificates \(no entropy today\)/,
  });
  t.throws(() => fileMedia.adopt(image, LABEL, {}), {
    instanceOf: Refusal,
    message: /blkid cannot say whether it is empty .+; force it/,
  });
});

/** `openssl` and `blkid` are this script while the test runs. */
async function withPrograms(t: ExecutionContext, directory: string, script: string): Promise<void> {
  for (const name of ["openssl", "blkid"]) {
    await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(directory, name), 0o755);
  }
  const { PATH } = process.env;
  process.env.PATH = directory;
  t.teardown(() => {
    process.env.PATH = PATH;
  });
}
