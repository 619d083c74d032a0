/** Set-up as it meets a machine: what it says where it may do nothing, and that it does nothing where all is there. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";

const DEBIAN = new URL("../../provisioning/setup/debian.mjs", import.meta.url).href;
const RUN = new URL("../../provisioning/setup/run.mjs", import.meta.url).pathname;

/** A PATH that has these programs only: real ones by their path, others as shell scripts. */
function machine(t: ExecutionContext, programs: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), "sanlab-setup-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  symlinkSync(process.execPath, join(directory, "node"));
  return directory;
}

/** As a user who is not root: a process cannot give that up here, so it is told so. */
function ensure(path: string, names: readonly string[], uid: number, ...more: readonly unknown[]) {
  const script = `process.getuid = () => ${uid}; const { ensureDebianPackages } = await import(${JSON.stringify(DEBIAN)});
    ensureDebianPackages(...${JSON.stringify([names, ...more])});`;
  return execa("node", ["--input-type=module", "-e", script], { env: { PATH: path }, reject: false });
}

test("somebody who may not install packages is told the exact command, and nothing is done", async (t) => {
  const path = machine(t, { "dpkg-query": "echo tgt installed", sudo: "exit 1" });
  const { exitCode, stderr, stdout } = await ensure(path, ["tgt", "libiscsi-bin", "strace"], 1000);
  t.is(exitCode, 1);
  t.is(stdout, "");
  t.is(
    stderr,
    'sanlab: Debian packages are missing, and only root may install them: run "sudo apt-get install -y --no-install-recommends libiscsi-bin strace" and try again.',
  );
});

test("where all packages are there, nobody is asked for anything", async (t) => {
  const path = machine(t, {
    "dpkg-query": "echo tgt installed; echo strace installed",
    sudo: "echo asked >&2; exit 1",
  });
  const { exitCode, stderr } = await ensure(path, ["tgt", "strace"], 1000);
  t.is(exitCode, 0);
  t.is(stderr, "");
});

test("a package that is known but not installed is missing", async (t) => {
  const path = machine(t, { "dpkg-query": "echo tgt config-files", sudo: "exit 1" });
  t.is((await ensure(path, ["tgt"], 1000)).exitCode, 1);
});

test("passwordless sudo installs all that is missing by one command", async (t) => {
  const path = machine(t, {
    "dpkg-query": `test -e "$(dirname "$0")/done" && echo strace installed; echo tgt installed`,
    sudo: `test "$*" = "-n true" && exit 0; printf '%s\\n' "$@" | tail -2 >&2; : > "$(dirname "$0")/done"`,
  });
  const { exitCode, stderr } = await ensure(`${path}:/usr/bin:/bin`, ["tgt", "strace"], 1000, ["libisal2"]);
  t.is(exitCode, 0);
  t.is(stderr, "sanlab: installing strace libisal2\nlibisal2\nstrace");
});

test("a package that is only welcome is not asked for where the purpose does not wait for it", async (t) => {
  const path = machine(t, { "dpkg-query": "echo tgt installed", sudo: "echo asked >&2" });
  const { exitCode, stderr } = await ensure(path, ["tgt"], 1000, ["libisal2"]);
  t.is(exitCode, 0);
  t.is(stderr, "");
});

test("a package that is only welcome is tried for where the purpose waits for it, and done without where it cannot be had", async (t) => {
  const programs = { "dpkg-query": "echo tgt installed" };
  const may = machine(t, { ...programs, sudo: `test "$*" = "-n true" && exit 0; echo no >&2; exit 1` });
  const tried = await ensure(`${may}:/usr/bin:/bin`, ["tgt"], 1000, ["libisal2"], true);
  t.is(tried.exitCode, 0);
  t.is(tried.stderr, "sanlab: installing libisal2\nno");
  const mayNot = machine(t, { ...programs, sudo: "exit 1" });
  const untried = await ensure(`${mayNot}:/usr/bin:/bin`, ["tgt"], 1000, ["libisal2"], true);
  t.is(untried.exitCode, 0);
  t.is(untried.stderr, "");
});

test("where the set-up is there, it is silent and hands on arguments and exit code", async (t) => {
  const path = machine(t, {});
  const script = join(path, "script.mjs");
  writeFileSync(script, "console.log(process.argv.slice(2).join()); process.exit(7);");
  const root = new URL("../..", import.meta.url).pathname;
  const relative = join(
    ...root
      .split("/")
      .filter(Boolean)
      .map(() => ".."),
    script,
  );
  const { exitCode, stdout, stderr } = await execa(process.execPath, [RUN, "develop", relative, "a", "b"], {
    reject: false,
  });
  t.is(exitCode, 7);
  t.is(stdout, "a,b");
  t.is(stderr, "");
});
