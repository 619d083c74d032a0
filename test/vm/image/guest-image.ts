import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureGuestImage } from "@sanlab/vm";
import test from "ava";
import { execa } from "execa";
import { ImageCache } from "../../../vm/image/image-cache.ts";
import { recipeKey } from "../../../vm/image/recipe.ts";
import { guestCacheDir, guestImage } from "../../helpers/guest.ts";

/** Runs `ensureGuestImage` in a process that finds no program at all: no apt, no dpkg. */
async function ensureWithoutPrograms(cacheDir: string): Promise<{ contentKey: string; said: string[] }> {
  const script = `
    import { ensureGuestImage } from ${JSON.stringify(import.meta.resolve("@sanlab/vm"))};
    const said = [];
    const image = await ensureGuestImage({ cacheDir: process.argv[1], onProgress: (message) => said.push(message) });
    console.log(JSON.stringify({ contentKey: image.contentKey, said }));
  `;
  const args = ["--input-type=module", "--eval", script, cacheDir];
  const { stdout } = await execa(process.execPath, args, { env: { PATH: "/nonexistent" }, extendEnv: false });
  return JSON.parse(stdout);
}

test("an image that is there is used without a word, and without apt", async (t) => {
  const image = await guestImage();
  t.deepEqual(await ensureWithoutPrograms(guestCacheDir()), { contentKey: image.contentKey, said: [] });
});

test("the kernel is an ELF file, and the initramfs a cpio archive", async (t) => {
  const image = await guestImage();
  t.is((await readFile(image.kernel)).toString("latin1", 0, 4), "\x7fELF");
  t.is((await readFile(image.initramfs)).toString("latin1", 0, 6), "070701");
});

test("where newer packages cannot be had, the image made earlier is used", async (t) => {
  const image = await guestImage();
  const cacheDir = await temporaryDirectory(t);
  const cache = new ImageCache(cacheDir, recipeKey());
  await cache.add(image.contentKey, [], async (directory) => {
    await Promise.all([
      cp(image.kernel, join(directory, "vmlinux")),
      cp(image.initramfs, join(directory, "initramfs")),
      cp(image.bootKernel, join(directory, "vmlinuz")),
      cp(image.bootInitramfs, join(directory, "boot-initramfs")),
    ]);
  });
  await cache.setCurrent(image.contentKey, "a state of apt's lists that is over");
  const { contentKey, said } = await ensureWithoutPrograms(cacheDir);
  t.is(contentKey, image.contentKey);
  t.regex(said.join("\n"), /image made earlier/);
});

test("without an image and without apt, the error names what to install", async (t) => {
  const error = await t.throwsAsync(ensureWithoutPrograms(await temporaryDirectory(t)));
  t.regex(error.message, /VmError: apt-cache, apt-get, dpkg-deb, tar are needed .*'apt-get install apt dpkg tar'/);
});

test("a build that fails leaves nothing, and one that was killed is tidied away", async (t) => {
  const cache = new ImageCache(await temporaryDirectory(t), "recipe");
  const failing = cache.add("a".repeat(64), [], async (directory) => {
    await writeFile(join(directory, "vmlinux"), "half");
    throw new Error("the disk is full");
  });
  await t.throwsAsync(failing, { message: "the disk is full" });
  t.deepEqual(await readdir(cache.directory), []);
  await writeFile(join(cache.directory, "building-x"), "left by a killed build");
  await cache.tidy();
  t.deepEqual(await readdir(cache.directory), []);
});

test("of many images the most recently used are kept", async (t) => {
  const cache = new ImageCache(await temporaryDirectory(t), "recipe");
  const keys = "0123456789".split("").map((digit) => digit.repeat(64));
  for (const key of keys) {
    await cache.add(key, [], (directory) => writeFile(join(directory, "vmlinux"), ""));
    await cache.setCurrent(key, "lists");
  }
  await cache.tidy();
  t.deepEqual((await readdir(cache.directory)).filter((name) => name.length === 64).sort(), keys.slice(2));
});

test("the cache is not written to when the image is there", async (t) => {
  const image = await guestImage();
  const before = await stat(image.initramfs);
  await ensureGuestImage({ cacheDir: guestCacheDir() });
  t.is((await stat(image.initramfs)).ctimeMs, before.ctimeMs);
});

async function temporaryDirectory(t: { teardown: (end: () => Promise<void>) => void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-image-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
