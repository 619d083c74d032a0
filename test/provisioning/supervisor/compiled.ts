/** What daemons run is compiled before the first of them starts, once. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { compileDaemons } from "../../../provisioning/supervisor/compiled.ts";

async function contents(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}

test("the code is kept, with a mark that says for which sources; a second time nothing is compiled", async (t) => {
  const cache = await mkdtemp(join(tmpdir(), "sanlab-compiled-"));
  t.teardown(() => rm(cache, { recursive: true }));
  await compileDaemons(cache);
  const [mark, ...code] = (await contents(cache)).sort(
    (a, b) => Number(b.includes("daemons-")) - Number(a.includes("daemons-")),
  );
  t.regex(mark ?? "", /daemons-[0-9a-f]{16}$/);
  t.true(code.length > 400, `${code.length} files`);
  for (const file of code) await rm(file);
  await compileDaemons(cache);
  t.deepEqual(await contents(cache), [mark]);
  await rm(mark as string);
  await compileDaemons(cache);
  t.true((await contents(cache)).length > 400);
});

test("where nothing can be kept, nothing is compiled, and nothing fails", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-compiled-"));
  t.teardown(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, "file"), "");
  await t.notThrowsAsync(compileDaemons(join(directory, "file", "cache")));
});
