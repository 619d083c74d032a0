/** Any record damaged: a repair mends it, or is refused in a sentence; and what survives a repair. */
import { checkStoppedState, repairStoppedState } from "@sanlab/controller/check/stopped.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import type { ViewRecord } from "@sanlab/controller/views/record.ts";
import test from "ava";
import fc from "fast-check";
import { putJson, templateOfAll } from "../../helpers/damage-cases.ts";
import { copyOf, damage, isRefused, removeDirectory, startOn } from "../../helpers/damaged-lab.ts";
import { SEGMENT } from "../../helpers/mapping-lab.ts";

const template = templateOfAll();

test("a disk that was cut gets its size back before its further tables are judged, which survive", async (t) => {
  const directory = await copyOf(template());
  t.teardown(() => removeDirectory(directory));
  damage(directory, (tables) => {
    // Without its snapshots and clone, which would tell its size.
    for (const name of ["data-snap", "clone"]) tables.edit(`disk/${name}`, { readOnly: false });
    tables.edit("disk/data", { sizeBytes: 2 * SEGMENT });
  });
  const { problems } = await repairStoppedState(directory);
  t.deepEqual(
    problems.map(({ code }) => code),
    ["size"],
  );
  damage(directory, (tables) => {
    t.is(tables.json<DiskRecord>("disk/data").sizeBytes, 24 * SEGMENT);
    t.deepEqual(tables.json<ViewRecord>("view/data/part").ranges, [[20, 4]]);
    t.true(tables.keys().includes("export/second/data/part"));
  });
});

test("two devices of one label, both in use, are not repaired", async (t) => {
  const directory = await copyOf(template());
  t.teardown(() => removeDirectory(directory));
  damage(directory, (tables) => {
    const { uuid } = tables.json<{ uuid: string }>("device/2");
    tables.edit("device/3", { uuid });
  });
  const refusal = await t.throwsAsync(repairStoppedState(directory), { instanceOf: Refusal });
  t.regex(refusal.message, /^Nothing was repaired: Devices 2 and 3 are said to be one .+ from a copy\.$/);
});

test("tables that are empty, or not there, are not taken for those of a lab", async (t) => {
  const directory = await copyOf(template());
  t.teardown(() => removeDirectory(directory));
  damage(directory, (tables) => {
    for (const key of tables.keys()) tables.remove(key);
  });
  const [problem] = (await checkStoppedState(directory)).problems;
  t.regex(problem?.message ?? "", /^The record of the lab is missing; restore controller\.sqlite .+ from a copy\.$/);
  await removeDirectory(directory);
  for (const look of [checkStoppedState, repairStoppedState]) {
    const message =
      /controller\.sqlite, the tables of the lab, is not there; restore controller\.sqlite .+ from a copy\.$/;
    await t.throwsAsync(look(directory), { instanceOf: Refusal, message });
  }
});

/** What a hand may write over any field of any record. */
const VALUES: readonly unknown[] = [
  undefined,
  null,
  "",
  "nowhere",
  "t9999",
  0,
  -1,
  0.5,
  1e6,
  true,
  [],
  ["t5"],
  [null],
  [[1]],
  {},
];

test("whatever any field of any record says, a check says in sentences what is wrong, and a start follows a repair", async (t) => {
  t.timeout(300_000);
  const number = fc.nat({ max: 0xffff });
  let found = 0;
  await fc.assert(
    fc.asyncProperty(number, number, fc.constantFrom(...VALUES), async (chosen, at, value) => {
      const directory = await copyOf(template());
      try {
        damage(directory, (tables) => {
          const keys = tables.keys().filter((key) => !/^(lease|chunk|root|used|device)\//.test(key));
          const key = keys[chosen % keys.length] as string;
          const record = tables.json<Record<string, unknown>>(key);
          const fields = Object.keys(record);
          record[fields[at % fields.length] as string] = value;
          putJson(tables, key, record);
        });
        const { problems } = await checkStoppedState(directory);
        if (await isRefused(directory)) return;
        if (problems.length > 0) found += 1;
        const left = (await checkStoppedState(directory)).problems;
        if (left.length > 0) throw new Error(left[0]?.message);
        const { bugs } = await startOn(directory, template().media);
        if (bugs.length > 0) throw new Error(String(bugs[0]));
      } finally {
        await removeDirectory(directory);
      }
    }),
    { numRuns: 100, endOnFailure: true },
  );
  t.true(found > 40, `${found} of 100 damages were found`);
});
