import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { asOnlyOperation } from "sanlab/state/exclusive.ts";
import { temporaryDirectory } from "../../helpers/state-directory.ts";

test("two operations on one state directory do not run at once, by whichever name it is called", async (t) => {
  const directory = await temporaryDirectory(t);
  const state = join(directory, "state");
  const link = join(directory, "link");
  await mkdir(state);
  await symlink(state, link);
  const error = await t.throwsAsync(asOnlyOperation(state, () => asOnlyOperation(link, async () => t.fail())));
  t.is(
    error.message,
    `Another 'sanlab up' or 'sanlab down' is at work on the state directory ${link}: wait until it has ended.`,
  );
  t.is(await asOnlyOperation(link, async () => "done"), "done");
});

test("the right is there for a directory that is still to be made, and ends with a failure", async (t) => {
  const state = join(await temporaryDirectory(t), "not", "there");
  await t.throwsAsync(
    asOnlyOperation(state, async () => Promise.reject(new Error("failed"))),
    { message: "failed" },
  );
  t.is(await asOnlyOperation(state, async () => 1), 1);
});
