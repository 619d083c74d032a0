/** Unmaps that are on their way when the controller is another one. */
import test from "ava";
import { MappingTable } from "node-iscsi-target/mapping/mapping-table.ts";
import { Unmapping, type UnmapRequest } from "node-iscsi-target/mapping/unmapping.ts";

function unmappingOf(): { readonly sent: UnmapRequest[]; readonly unmapping: Unmapping; readonly table: MappingTable } {
  const sent: UnmapRequest[] = [];
  let number = 0;
  const nextNumber = () => {
    number += 1;
    return number;
  };
  const unmapping = new Unmapping(nextNumber, (request) => void sent.push(request));
  return { sent, unmapping, table: new MappingTable(8) };
}

test("an unmap that is not answered is said again to the same controller", async (t) => {
  const { sent, unmapping, table } = unmappingOf();
  const done = unmapping.run(table, 0, 2);
  unmapping.repeat();
  t.is(sent.length, 2);
  t.deepEqual(sent[1], sent[0]);
  unmapping.answer(sent[0]?.request ?? 0, "done");
  t.deepEqual(await done, { kind: "ok" });
});

test("one that the controller before was asked for is stale once the agent forgets, and is not asked of the next one", async (t) => {
  const { sent, unmapping, table } = unmappingOf();
  const before = unmapping.run(table, 0, 2);
  unmapping.newEpoch();
  unmapping.repeat();
  // By what is seen of the table until then nothing is asked for, either.
  const between = unmapping.run(table, 4, 6);
  t.is(sent.length, 1);
  unmapping.endVoid();
  t.deepEqual(await Promise.all([before, between]), ["stale", "stale"]);
  void unmapping.run(table, 4, 6);
  t.is(sent.length, 2);
});
