/** The npm package, as those have it who install it: packed, installed in an empty directory, used from JavaScript and TypeScript. */
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { compile, install, pack, temporary } from "../helpers/packed.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly exports: object;
}

test("is packed, without a complaint of publint and attw, and works where it is installed", async (t) => {
  t.timeout(180_000);
  const place = await install(t, await pack(t, "target"));
  const manifest = JSON.parse(
    await readFile(join(place, "node_modules/node-iscsi-target/package.json"), "utf8"),
  ) as Manifest;
  t.deepEqual(Object.keys(manifest.dependencies), ["@node-rs/crc32", "koffi"], "no more than the library needs");

  await serveTheReadmesExample(t, place);
  await runTheSuite(t, place);
  await compileInTypeScript(place);
});

test("its reference is generated from the docstrings, none of which names what is not there, and lists what there is", async (t) => {
  const place = await temporary(t);
  const typedoc = join(ROOT, "target/node_modules/.bin/typedoc");
  await execa(typedoc, ["--out", place], { cwd: join(ROOT, "target") });
  for (const page of ["node-iscsi-target.md", "node-iscsi-target/conformance.md"]) {
    const [made, kept] = await Promise.all(
      [place, join(ROOT, "docs/reference")].map((at) => exportsOf(join(at, page))),
    );
    t.true((made?.length ?? 0) > 3);
    t.deepEqual(kept, made, `docs/reference/${page} is older than the sources; run \`npm run reference\``);
  }
});

/** The names that a page of the reference describes. */
async function exportsOf(path: string): Promise<string[]> {
  return [...(await readFile(path, "utf8")).matchAll(/^### (\S.*)$/gm)].map(([, name]) => name as string);
}

async function readmeBlocks(): Promise<string[]> {
  const readme = await readFile(join(ROOT, "target/README.md"), "utf8");
  return [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code as string);
}

async function serveTheReadmesExample(t: ExecutionContext, place: string): Promise<void> {
  const [example] = await readmeBlocks();
  await writeFile(join(place, "example.js"), example as string);
  const child = execa(process.execPath, ["example.js"], { cwd: place, buffer: false });
  try {
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    const url = String(said).trim();
    const { stdout } = await execa("qemu-img", ["info", url]);
    t.regex(stdout, /virtual size: 1 GiB/);
    await execa("iscsi-inq", [url.replace(/0$/, "1")]);
  } finally {
    child.kill("SIGINT");
    await child;
  }
}

async function runTheSuite(t: ExecutionContext, place: string): Promise<void> {
  const [, suite] = await readmeBlocks();
  const device =
    'import { MemoryDevice } from "node-iscsi-target";\nconst makeDevice = () => new MemoryDevice({ sizeBytes: 16 * 1024 ** 2 });\n';
  await writeFile(join(place, "suite.js"), device + (suite as string));
  const { stdout } = await execa(process.execPath, ["--test", "--test-reporter=tap", "suite.js"], { cwd: place });
  t.regex(stdout, /^# pass 1\d$/m);
  t.regex(stdout, /^# fail 0$/m);
}

async function compileInTypeScript(place: string): Promise<void> {
  const source = `import { type BlockDevice, MemoryDevice, Target } from "node-iscsi-target";
const device: BlockDevice = new MemoryDevice({ sizeBytes: 1024 ** 2 });
const target = new Target({ name: "iqn.2026-11.example:t", luns: { 0: device } });
target.on("login", ({ initiator, id }) => console.log(initiator.length, id.length));
// @ts-expect-error a portal has a number as its port
void target.listen({ host: "127.0.0.1", port: "any" });
`;
  await compile(place, source);
}
