import test from "ava";
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, MappingTable, segmentOf, statesOf } from "node-iscsi-target/mapping/mapping-table.ts";

const plain = (count: number, segment: number) => ({ count, states: 0, device: 3, segment });

test("protecting a table sets Nw on every entry that has a location, and leaves all else as it was", (t) => {
  const table = new MappingTable(4 * CHUNK_ENTRIES);
  table.set(0, [plain(2, 7), { count: 1, states: EntryState.ZERO }], 1);
  table.set(2 * CHUNK_ENTRIES, [{ ...plain(1, 9), states: EntryState.ERROR, sense: [3, 0x11, 0] }], 2);
  table.protect();
  t.is(statesOf(table.word0(0)), EntryState.NO_WRITE);
  t.deepEqual([deviceOf(table.word1(1)), segmentOf(table.word0(1))], [3, 8]);
  t.is(statesOf(table.word0(2)), EntryState.ZERO);
  t.is(statesOf(table.word0(3)), EntryState.INVALID);
  t.is(statesOf(table.word0(CHUNK_ENTRIES)), EntryState.INVALID);
  t.is(statesOf(table.word0(2 * CHUNK_ENTRIES)), (EntryState.ERROR | EntryState.NO_WRITE) >>> 0);
  t.deepEqual(table.entry(2 * CHUNK_ENTRIES).location, { device: 3, segment: 9 });
});

test("an entry that is set after a table was protected is as it was set, and protected by the next time", (t) => {
  const table = new MappingTable(2 * CHUNK_ENTRIES);
  table.set(0, [plain(2, 7)], 1);
  table.set(CHUNK_ENTRIES, [plain(1, 40)], 1);
  table.protect();
  // Word 1 may be what is asked for first.
  t.is(deviceOf(table.word1(0)), 3);
  table.set(0, [plain(1, 7)], 2);
  t.is(statesOf(table.word0(0)), 0);
  t.is(statesOf(table.word0(1)), EntryState.NO_WRITE);
  // The second chunk has not been looked at between: it is marked once all the same.
  table.protect();
  for (const segment of [0, 1, CHUNK_ENTRIES]) t.is(statesOf(table.word0(segment)), EntryState.NO_WRITE);
  t.is(segmentOf(table.word0(CHUNK_ENTRIES)), 40);
});

test("a chunk that comes after a table was protected fills what is Inv, as the controller has it", (t) => {
  const table = new MappingTable(CHUNK_ENTRIES);
  table.set(0, [plain(1, 7)], 1);
  table.protect();
  const entries = new Uint32Array(CHUNK_ENTRIES * 2).fill(0);
  entries.set([11, 3 << 20, 12, 3 << 20]);
  table.fill(0, entries, 2);
  t.is(statesOf(table.word0(0)), EntryState.NO_WRITE);
  t.is(segmentOf(table.word0(0)), 7);
  t.is(statesOf(table.word0(1)), 0);
  t.is(table.generation(0), 2);
  table.forget();
  t.is(statesOf(table.word0(0)), EntryState.INVALID);
  t.is(table.generation(0), 0, "what is unknown has no generation");
});
