/** A store of many chunks is looked at as a small one is. */
import { numbers } from "@sanlab/controller/check/kept.ts";
import { Findings } from "@sanlab/controller/check/problem.ts";
import { Stored } from "@sanlab/controller/check/stored.ts";
import { bytes, chunkKey, rootKey } from "@sanlab/controller/tables/layout.ts";
import test from "ava";
import { MappingLab } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

/** More than a function takes arguments. */
const CHUNKS = 200_000;

test("of very many chunks the highest number counts as given out", async (t) => {
  const store = new MemoryStore();
  const lab = await MappingLab.start({ store });
  t.teardown(() => lab.close());
  const root = Uint32Array.from({ length: CHUNKS }, (_, at) => 1000 + at);
  store.entries.set(rootKey("t7"), bytes(root));
  for (const number of root) store.entries.set(chunkKey(number), new Uint8Array(0));
  const stored = await Stored.of(await store.view());
  const findings = new Findings();
  numbers(stored, findings);
  t.deepEqual(
    findings.problems.map(({ message }) => message.split(",")[0]),
    [`Number ${1000 + CHUNKS - 1} is in use`],
  );
});
