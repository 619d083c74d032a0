/**
 * Tables of a real state directory damaged by hand: each damage is found and named, and mended, or what
 * is lost by it is told. Nobody reads afterwards what another disk holds.
 */
import { join } from "node:path";
import { checkStoppedState, repairStoppedState } from "@sanlab/controller/check/stopped.ts";
import { SqliteStore } from "@sanlab/controller/store/sqlite-store.ts";
import { isLeaseKey } from "@sanlab/controller/store/store.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import test from "ava";
import type { Damage } from "../../helpers/damage.ts";
import {
  type Contents,
  copyOf,
  damage,
  makeTemplate,
  removeDirectory,
  startOn,
  type Template,
} from "../../helpers/damaged-lab.ts";
import { SEGMENT } from "../../helpers/mapping-lab.ts";

const WHOLE: Contents = {
  data: [1, 1, 1, 0, 0, 0, 0, 0],
  other: [100, 0, 0, 100, 0, 0, 0, 0],
  snap: [1, 2, 1, 0, 0, 0, 0, 0],
};
const ALL_ERRORS = ["E", "E", "E", "E", "E", "E", "E", "E"] as const;

let template: Template;
test.before(async () => {
  template = await makeTemplate();
});
test.after.always(() => removeDirectory(template.directory));

interface Case {
  readonly does: (tables: Damage) => void;
  /** Codes of what is found. */
  readonly found: readonly string[];
  /** In one of the sentences. */
  readonly says: RegExp;
  readonly loses: boolean;
  /** What disks hold after the repair, where it is not what they held. */
  readonly after?: Contents;
  readonly gone?: readonly string[];
}

const table = (tables: Damage, disk: string) => tables.json<{ table: string }>(`disk/${disk}`).table;
const chunkOf = (tables: Damage, disk: string) => {
  const root = tables.get(`root/${table(tables, disk)}`);
  return `chunk/${root.readUInt32LE(0).toString(16).padStart(8, "0")}`;
};
const recordOf = (tables: Damage, prefix: string) => tables.keys(prefix)[0] as string;

const CASES: Readonly<Record<string, Case>> = {
  "an export of a disk whose record was removed": {
    does: (tables) => tables.remove("disk/other"),
    found: ["export", "root-leaked", "zone"],
    says: /^The table t\d+ belongs to no disk\.$/,
    loses: true,
    gone: ["other"],
  },
  "the record of a disk that is garbage": {
    does: (tables) => tables.put("disk/other", Buffer.from([0xff, 0, 1])),
    found: ["record", "export", "root-leaked", "zone"],
    says: /^The record disk\/other cannot be read\.$/,
    loses: true,
    gone: ["other"],
  },
  "a count that is wrong": {
    does: (tables) => tables.edit(`usage/${table(tables, "data")}`, { mapped: 7 }),
    found: ["usage"],
    says: /^Disk 'data' is said to hold 7 segments, 1 of them alone; its table holds 3, 1 alone\.$/,
    loses: false,
  },
  "a count that is missing": {
    does: (tables) => tables.remove(`usage/${table(tables, "snap")}`),
    found: ["usage"],
    says: /said to hold 0 segments/,
    loses: false,
  },
  "a count of no table": {
    does: (tables) => tables.put("usage/t9999", JSON.stringify({ table: "t9999", mapped: 1, own: 1 })),
    found: ["usage-leaked"],
    says: /^Table t9999 is counted, but no disk has it\.$/,
    loses: false,
  },
  "used bits that are flipped": {
    does: (tables) => {
      const key = recordOf(tables, "used/");
      const page = tables.get(key);
      page.writeUInt8(page.readUInt8(0) ^ 0b0000_0100, 0);
      page.writeUInt8(0x01, 31);
      tables.put(key, page);
    },
    found: ["segment-free", "segment-leaked"],
    says: /^\/one, segment 248: counted as used, and nobody holds it\.$/,
    loses: false,
  },
  "a page of used bits that is gone": {
    does: (tables) => tables.remove(recordOf(tables, "used/")),
    found: ["segment-free"],
    says: /counted as free, and in use\.$/,
    loses: false,
  },
  "two disks at one segment": {
    does: (tables) => {
      const theirs = tables.get(chunkOf(tables, "other")).subarray(0, 8);
      const chunk = tables.get(chunkOf(tables, "data"));
      theirs.copy(chunk, 4 * 8);
      tables.put(chunkOf(tables, "data"), chunk);
    },
    found: ["shared", "usage"],
    says: /segment \d+ of \/(one|two), which segment 0 of disk '|which segment 4 of disk '/,
    loses: true,
    after: { data: [1, 1, 1, 0, "E", 0, 0, 0], other: ["E", 0, 0, 100, 0, 0, 0, 0] },
  },
  "a reference that is doubled": {
    does: (tables) => tables.words(chunkOf(tables, "other"), (words) => words.copyWithin(2, 0, 2)),
    found: ["shared"],
    says: /^Disk 'other', segment 1: segment \d+ of \/(one|two), which segment 0 of disk 'other' holds too\.$/,
    loses: true,
    after: { other: ["E", "E", 0, 100, 0, 0, 0, 0] },
  },
  "a place that no device has": {
    does: (tables) =>
      tables.words(chunkOf(tables, "other"), (words) => {
        words[0] = 70_000;
      }),
    found: ["location", "segment-leaked", "usage"],
    says: /^Disk 'other', segment 0: said to lie at a place which no device of this lab has \(device \d+\)\.$/,
    loses: true,
    after: { other: ["E", 0, 0, 100, 0, 0, 0, 0] },
  },
  "an entry with states that there cannot be": {
    does: (tables) =>
      tables.words(chunkOf(tables, "other"), (words) => {
        words[2] = 0x4000_0000;
        words[6] = ((words[6] as number) | 0x2000_0000) >>> 0;
      }),
    found: ["entry", "entry"],
    says: /^Disk 'other', segment 1: no entry that there can be\.$/,
    loses: true,
    after: { other: [100, "E", 0, "E", 0, 0, 0, 0] },
  },
  "a chunk that is cut short": {
    does: (tables) => tables.put(chunkOf(tables, "other"), tables.get(chunkOf(tables, "other")).subarray(0, 21)),
    found: ["chunk-size", "segment-leaked", "usage"],
    says: /^Chunk \d+ of disk 'other' has 21 bytes, and must have 8192\.$/,
    loses: true,
    after: { other: [100, 0, "E", "E", "E", "E", "E", "E"] },
  },
  "a chunk that is gone": {
    does: (tables) => tables.remove(chunkOf(tables, "other")),
    found: ["chunk-missing", "segment-leaked", "usage"],
    says: /^Chunk \d+ of disk 'other' is missing\.$/,
    loses: true,
    after: { other: ALL_ERRORS },
  },
  "a root that is gone": {
    does: (tables) => tables.remove(`root/${table(tables, "other")}`),
    found: ["root-missing", "chunk-leaked", "usage"],
    says: /^The table of disk 'other' has no root\.$/,
    loses: true,
    after: { other: ALL_ERRORS },
  },
  "a root that ends within a number": {
    does: (tables) => tables.put(`root/${table(tables, "other")}`, Buffer.from([1, 2, 3])),
    found: ["root", "chunk-leaked", "usage"],
    says: /ends within an entry of its root\.$/,
    loses: true,
    after: { other: ALL_ERRORS },
  },
  "one chunk in the roots of two disks": {
    does: (tables) => tables.put(`root/${table(tables, "other")}`, tables.get(`root/${table(tables, "snap")}`)),
    found: ["chunk-leaked", "chunk-twice", "usage"],
    says: /^Chunk \d+ is named by disk '.+' for segments 0 to 1023, and by the family of disk '.+' for 0 to 1023\.$/,
    loses: true,
    after: { other: ALL_ERRORS, snap: ["E", "E", "E", 0, 0, 0, 0, 0] },
  },
  "a disk with another's table": {
    does: (tables) => tables.edit("disk/other", { table: table(tables, "data") }),
    found: ["table"],
    says: /^Disk 'other' is said to have table t\d+, and by its NAA and serial number has t\d+\.$/,
    loses: false,
  },
  "a snapshot that is said to be of another family": {
    does: (tables) => tables.edit("disk/snap", { family: table(tables, "other") }),
    found: ["family"],
    says: /^Disk 'snap' is said to be of family t\d+, and is of t\d+\.$/,
    loses: false,
  },
  "a count of numbers that has gone back": {
    does: (tables) => tables.edit("lab/lab", { nextNumber: 2 }),
    found: ["number"],
    says: /^Number \d+ is in use, and the last one given out is 2\.$/,
    loses: false,
  },
  "a segment of a disk that is on its way back": {
    does: (tables) => {
      const chunk = tables.get(chunkOf(tables, "other"));
      const run = [chunk.readUInt32LE(4) >>> 20, chunk.readUInt32LE(0), 1];
      tables.put("releasing/5", JSON.stringify({ id: "5", runs: [run], tables: [] }));
    },
    found: ["set-aside"],
    says: /^Of the segments that are on their way back \(5\), 1 is held by a disk/,
    loses: false,
  },
  "what is set aside, garbage": {
    does: (tables) => tables.put("reserve/main", "not at all"),
    found: ["record", "segment-leaked"],
    says: /^The record reserve\/main cannot be read\.$/,
    loses: false,
  },
  "a key of no kind": {
    does: (tables) => tables.put("what", "?"),
    found: ["key"],
    says: /^The entry what is of no kind that there is\.$/,
    loses: false,
  },
};

for (const [name, { does, found, says, loses, after = {}, gone = [] }] of Object.entries(CASES)) {
  test(`${name}: found, and mended or reported as lost`, async (t) => {
    const directory = await copyOf(template);
    t.teardown(() => removeDirectory(directory));
    t.deepEqual((await checkStoppedState(directory)).problems, []);
    damage(directory, does);
    const { problems, consistent } = await checkStoppedState(directory);
    t.false(consistent);
    t.deepEqual([...new Set(problems.map(({ code }) => code))].sort(), [...new Set(found)].sort());
    t.true(
      problems.some(({ message }) => says.test(message)),
      problems.map(({ message }) => message).join("\n"),
    );
    for (const { message } of problems) t.regex(message, /^[A-Z/][^\n]+\.$/u, "a sentence for people");
    t.is(
      problems.some(({ lost }) => lost),
      loses,
    );
    const repaired = await repairStoppedState(directory);
    t.true(repaired.repaired && repaired.consistent);
    t.deepEqual(repaired.problems, problems, "the repair says what the check said");
    t.deepEqual((await checkStoppedState(directory)).problems, []);
    const { contents, bugs } = await startOn(directory, template.media);
    t.deepEqual(bugs, []);
    for (const [disk, bytes] of Object.entries({ ...WHOLE, ...after })) {
      if (!gone.includes(disk)) t.deepEqual(contents[disk], bytes, disk);
    }
    t.deepEqual((await checkStoppedState(directory)).problems, [], "after a start, too");
  });
}

test("what a disk held whose record was removed is a disk of its own after a repair", async (t) => {
  const directory = await copyOf(template);
  t.teardown(() => removeDirectory(directory));
  damage(directory, (tables) => tables.remove("disk/other"));
  await repairStoppedState(directory);
  const { contents } = await startOn(directory, template.media);
  const [found] = Object.keys(contents).filter((name) => name.startsWith("found-"));
  t.deepEqual(contents[found as string], WHOLE.other);
});

test("a repair keeps a copy of the tables as they were, and does nothing where nothing is wrong", async (t) => {
  const directory = await copyOf(template);
  t.teardown(() => removeDirectory(directory));
  t.deepEqual(await repairStoppedState(directory), { consistent: true, problems: [], repaired: false, unheard: [] });
  damage(directory, (tables) => tables.remove("disk/other"));
  const { copy = "" } = await repairStoppedState(directory);
  const store = new SqliteStore(copy);
  t.is(await store.get("disk/other"), undefined);
  t.deepEqual(await store.range("found-"), []);
  t.is((await store.range("disk/")).length, 2);
  await store.close();
});

test("without the record of the lab, or of a pool of which the devices do not tell, nothing is repaired, and the tables stay as they are", async (t) => {
  for (const key of ["lab/lab", "pool/main"]) {
    for (const does of [(tables: Damage) => tables.remove(key), (tables: Damage) => tables.put(key, "{")]) {
      const directory = await copyOf(template);
      t.teardown(() => removeDirectory(directory));
      damage(directory, (tables) => {
        does(tables);
        // Many sizes of segments would fit so few.
        for (const key of tables.keys("device/")) tables.edit(key, { segments: 8, sizeBytes: 9 * SEGMENT - 1 });
      });
      const store = new SqliteStore(join(directory, "controller.sqlite"));
      const before = await store.range("");
      await store.close();
      const message = /^Nothing was repaired: .+; restore controller\.sqlite in the state directory from a copy\.$/;
      await t.throwsAsync(repairStoppedState(directory), { instanceOf: Refusal, message });
      const after = new SqliteStore(join(directory, "controller.sqlite"));
      const isTable = ([entry]: readonly [string, Uint8Array]) => !isLeaseKey(entry);
      t.deepEqual((await after.range("")).filter(isTable), before.filter(isTable));
      await after.close();
    }
  }
});
