/** The test run itself sees what was skipped and what was left behind. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import { kernelObjects } from "../run/left-kernel-objects.ts";
import { tapTotals } from "../run/tap-totals.ts";
import { TestSite } from "../run/test-site.ts";

test("passed, failed, skipped and unwritten tests are counted apart", (t) => {
  const tap = [
    "TAP version 13",
    "ok 1 - a",
    "not ok 2 - b",
    "ok 3 - c # SKIP",
    "not ok 4 - d # TODO",
    "    ok 5 - no",
    "1..4",
  ];
  t.deepEqual(tapTotals(tap.join("\n")), { passed: 1, failed: 1, skipped: 2 });
});

test("a process and a file that a test leaves behind are named", async (t) => {
  const site = new TestSite(() => []);
  t.teardown(() => site.remove());
  t.deepEqual(site.leftBehind(), []);

  const file = join(site.env.TMPDIR as string, "forgotten");
  writeFileSync(file, "");
  const sleep = execa("sleep", ["600"], { env: site.env, reject: false });
  t.deepEqual(site.leftBehind(), [`process ${sleep.pid}: sleep 600`, file]);
  sleep.kill("SIGKILL");
  await sleep;
  t.deepEqual(site.leftBehind(), [file]);
});

test("what the kernel has after a run and had not before is named", (t) => {
  const objects = ["mount at /", "loop device /dev/loop7 over /srv/image"];
  const site = new TestSite(() => objects);
  t.teardown(() => site.remove());
  t.deepEqual(site.leftBehind(), []);
  objects.push("network namespace a");
  objects.shift();
  t.deepEqual(site.leftBehind(), ["network namespace a"]);
});

test("mounts of the machine are seen", (t) => {
  t.true(kernelObjects().includes("mount at /proc"));
});

test("guests are counted by the lines that tests append", (t) => {
  const site = new TestSite(() => []);
  t.teardown(() => site.remove());
  t.is(site.guestsBooted(), 0);
  writeFileSync(site.env.SANLAB_GUEST_COUNT_FILE as string, "boot\nboot\n", { flag: "a" });
  t.is(site.guestsBooted(), 2);
});
