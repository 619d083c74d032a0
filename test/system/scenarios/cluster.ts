/** Scenarios of clusters, each of which brings its own lab of two guests up and leaves nothing of it. */
import { readdir } from "node:fs/promises";
import test from "ava";
import { countGuests } from "../../helpers/lab.ts";
import { passes, scenarioDirectory } from "../../helpers/scenarios.ts";

for (const [name, guests] of [
  ["fencing", { one: {}, two: {} }],
  ["split-brain", { left: {}, right: {} }],
] as const) {
  test.serial(`scenario ${name} goes as expected, on a lab of its own, of which nothing is left`, async (t) => {
    t.timeout(400_000);
    const lab = await scenarioDirectory();
    t.teardown(() => lab.destroy());
    const before = (await readdir(lab.directory)).sort();
    await passes(t, lab, name);
    countGuests({ hosts: guests });
    t.deepEqual((await readdir(lab.directory)).sort(), before, "images and state are gone");
  });
}
