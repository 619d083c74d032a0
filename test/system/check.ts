/** `sanlab check --repair` as users have it: on a running lab, and on a stopped one whose tables were damaged by hand. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import { Damage } from "../helpers/damage.ts";
import { labOf, testLab } from "../helpers/lab.ts";
import { imageOptions } from "../helpers/qemu-io.ts";

interface Report {
  readonly consistent: boolean;
  readonly repaired: boolean;
  readonly copy?: string;
  readonly problems: readonly { readonly code: string; readonly repair: string | null; readonly lost: boolean }[];
}

test("a lab whose tables were damaged is found so, repaired once it is stopped, and serves again", async (t) => {
  t.timeout(300_000);
  const lab = await testLab(t);
  const state = join(lab.directory, "state");
  await lab.up(labOf({ agents: ["a"] }));
  await qemuIo(await lab.url("data", "a"), ["write -P 7 0 3M"]);
  const before = await lab.run(["check"]);
  t.deepEqual([before.exitCode, before.stdout, before.stderr], [0, "Every table is consistent.", ""]);
  t.is((await lab.run(["check", "--repair"])).exitCode, 0);

  await lab.must("down");
  strike(state);
  const found = await lab.run(["check"]);
  t.is(found.exitCode, 1);
  t.regex(found.stdout, /^location: Disk 'data', segment 1: said to lie at a place which no device of this lab has/m);
  t.regex(found.stderr, /^3 problems found in the tables of .+; 'sanlab check --repair' mends what can be mended\.$/m);

  await lab.must("up", lab.file);
  const refused = await lab.run(["check", "--repair"]);
  t.is(refused.exitCode, 1);
  t.regex(refused.stderr, /which cannot be mended while the lab runs; stop it \('sanlab down'\)/);
  await lab.must("down");

  const repaired = JSON.parse((await lab.run(["check", "--repair", "--json"])).stdout) as Report;
  t.like(repaired, { consistent: true, repaired: true });
  t.true(repaired.problems.some(({ code, lost }) => code === "location" && lost));
  t.regex(repaired.copy ?? "", /controller\.before-repair-1\.sqlite$/);
  t.is((await lab.run(["check"])).exitCode, 0);

  await lab.must("up", lab.file);
  const url = await lab.url("data", "a");
  await qemuIo(url, ["read -P 7 0 1M", "read -P 7 2M 1M"]);
  await t.throwsAsync(qemuIo(url, ["read 1M 4k"]));
  await lab.must("disk", "clear-error", "data", "--range", "1-1");
  await qemuIo(url, ["read -P 0 1M 1M", "write -P 9 1M 1M", "read -P 9 1M 1M"]);
  t.is((await lab.run(["check"])).exitCode, 0);
});

/** One session; throws where a command failed. */
async function qemuIo(url: string, commands: readonly string[]): Promise<void> {
  const image = imageOptions(url, "iqn.2026-11.example:outside");
  const args = ["--image-opts", image, ...commands.flatMap((command) => ["-c", command])];
  const { all, exitCode } = await execa("qemu-io", args, { all: true, reject: false, timeout: 60_000 });
  if (exitCode !== 0 || /failed|error/i.test(all)) throw new Error(all);
}

/** The second segment of the disk lies nowhere. */
function strike(state: string): void {
  const tables = new Damage(state);
  const [root] = tables.keys("root/") as [string];
  const chunk = `chunk/${tables.get(root).readUInt32LE(0).toString(16).padStart(8, "0")}`;
  tables.words(chunk, (words) => {
    words[2] = 900_000;
  });
  tables.close();
}

test("a controller that is damaged beyond repair says so in a sentence", async (t) => {
  const lab = await testLab(t);
  const state = join(lab.directory, "state");
  await lab.up(labOf({ agents: ["a"] }));
  await lab.must("down");
  const tables = new Damage(state);
  tables.remove("lab/lab");
  tables.close();
  const { exitCode, stderr } = await lab.run(["check", "--repair"]);
  t.is(exitCode, 1);
  t.regex(
    stderr,
    /Nothing was repaired: The record of the lab is missing; restore controller\.sqlite .+ from a copy\.\n?$/,
  );
  await rm(join(state, "controller.sqlite"));
});
