import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { createLabRecord, readLabRecord } from "sanlab/state/lab-record.ts";
import { temporaryDirectory } from "../../helpers/state-directory.ts";

test("a directory that is missing or empty has no lab yet", async (t) => {
  const directory = await temporaryDirectory(t);
  t.is(await readLabRecord(directory), undefined);
  t.is(await readLabRecord(join(directory, "none")), undefined);
});

test("a lab's record is read as it was created", async (t) => {
  const state = join(await temporaryDirectory(t), "state");
  const record = await createLabRecord(state, "test");
  t.deepEqual(await readLabRecord(state), record);
});

test("the state directory of a newer version is refused", async (t) => {
  const state = await temporaryDirectory(t);
  await writeFile(join(state, "lab.json"), JSON.stringify({ format: 99 }));
  const error = await t.throwsAsync(readLabRecord(state));
  t.is(
    error.message,
    `The state directory ${state} was written by a newer sanlab (format 99, this one knows 1): use that version, or another directory with --state.`,
  );
});

test("a directory that holds something else is not taken for a state directory", async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, "photos"));
  await t.throwsAsync(readLabRecord(directory), { message: /holds something other than a lab's state/ });
});

test("a damaged record is told as what it is", async (t) => {
  const state = await temporaryDirectory(t);
  await writeFile(join(state, "lab.json"), "{");
  await t.throwsAsync(readLabRecord(state), { message: /lab.json is damaged/ });
});
