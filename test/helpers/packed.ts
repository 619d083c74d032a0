/** npm's packages of this repository, as those have them who install them. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { execa } from "execa";

const ROOT = new URL("../..", import.meta.url).pathname;
export const BIN = join(ROOT, "node_modules/.bin");

/**
 * Packs a workspace; `needs` are others that go into its package. The tarball is one that neither publint nor attw has a
 * complaint of. In a copy: packing changes the manifest for a moment, under which others would stumble.
 */
export async function pack(t: ExecutionContext, workspace: string, needs: readonly string[] = []): Promise<string> {
  const copy = await temporary(t);
  const isSource = (path: string) => !/\/(node_modules|dist)$/.test(path);
  for (const name of [workspace, ...needs]) {
    await cp(join(ROOT, name), join(copy, name), { recursive: true, filter: isSource });
  }
  await cp(join(ROOT, "tsconfig.json"), join(copy, "tsconfig.json"));
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
  const { stdout } = await execa("npm", ["pack", "--json", "--pack-destination", copy], {
    cwd: join(copy, workspace),
    env: { PATH: `${BIN}:${process.env.PATH}` },
  });
  const manifest = `${workspace}/package.json`;
  const before = await readFile(join(ROOT, manifest), "utf8");
  t.is(await readFile(join(copy, manifest), "utf8"), before, "packing leaves the manifest as it was");
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf("["))) as [{ filename: string }];
  const tarball = join(copy, filename);
  await execa(join(BIN, "publint"), ["run", "--strict", tarball]);
  await execa(join(BIN, "attw"), [tarball, "--profile", "esm-only"]);
  return tarball;
}

/** An empty directory in which the package is installed, with Node's types. */
export async function install(t: ExecutionContext, tarball: string): Promise<string> {
  const place = await temporary(t);
  await writeFile(join(place, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const { name, version } = JSON.parse(await readFile(join(ROOT, "node_modules/@types/node/package.json"), "utf8"));
  await execa("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball, `${name}@${version}`], {
    cwd: place,
  });
  return place;
}

/** Compiles a source against the types of what is installed at `place`, all declarations included. */
export async function compile(place: string, source: string): Promise<void> {
  await writeFile(join(place, "user.ts"), source);
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "esnext", "--types", "node"];
  await execa(join(BIN, "tsc"), [...options, "user.ts"], { cwd: place });
}

export async function temporary(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-package-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
