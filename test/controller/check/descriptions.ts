/** Records of disks that say something else than their tables hold: found, and put right with nothing lost. */
import { checkStoppedState, repairStoppedState } from "@sanlab/controller/check/stopped.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import test from "ava";
import type { Damage } from "../../helpers/damage.ts";
import { copyOf, damage, makeTemplate, removeDirectory, startOn, type Template } from "../../helpers/damaged-lab.ts";
import { SEGMENT } from "../../helpers/mapping-lab.ts";

let template: Template;
test.before(async () => {
  template = await makeTemplate();
});
test.after.always(() => removeDirectory(template.directory));

interface Case {
  readonly does: (tables: Damage) => void;
  readonly found: readonly string[];
  readonly says: RegExp;
  /** What the record of disk 'data' says after the repair. */
  readonly data?: { readonly [F in keyof DiskRecord]?: DiskRecord[F] | undefined };
}

const pool = (name: string, segmentBytes: number) => JSON.stringify({ name, segmentBytes, queueWhenFullMs: 0 });
const disk = (tables: Damage, name: string) => tables.json<DiskRecord>(`disk/${name}`);

const CASES: Readonly<Record<string, Case>> = {
  "a disk that ends before what it holds": {
    does: (tables) => tables.edit("disk/data", { sizeBytes: 2 * SEGMENT }),
    found: ["size"],
    says: /^Disk 'data' is said to have \d+ bytes, and has something in segment 2\.$/,
    data: { sizeBytes: 3 * SEGMENT },
  },
  "a disk that ends within a block": {
    does: (tables) => tables.edit("disk/data", { sizeBytes: 8 * SEGMENT - 1 }),
    found: ["size"],
    says: /no whole number of blocks\.$/,
    data: { sizeBytes: 8 * SEGMENT },
  },
  "a disk in a pool where it has nothing": {
    does: (tables) => {
      tables.put("pool/spare", pool("spare", SEGMENT));
      tables.edit("disk/data", { pool: "spare" });
    },
    found: ["pool-of-disk"],
    says: /^Disk 'data' is said to lie in pool 'spare', and has segments in 'main'\.$/,
    data: { pool: "main", from: undefined },
  },
  "a disk on its way from a pool that is not there": {
    does: (tables) => tables.edit("disk/data", { from: "nowhere" }),
    found: ["pool-of-disk"],
    says: /^Disk 'data' is said to come from pool 'nowhere', where it has nothing\.$/,
    data: { pool: "main", from: undefined },
  },
  "a page of used segments that goes on behind the end of its device": {
    does: (tables) => {
      const key = tables.keys("used/")[0] as string;
      // The device has 200 segments from now on, and the page bits for 256.
      const sizes = { segments: 200, sizeBytes: 200 * SEGMENT };
      tables.edit(`device/${Number.parseInt(key.slice(5, 8), 16)}`, sizes);
      tables.words(key, (words) => {
        words[7] = 0xffff_ffff;
      });
    },
    found: ["segment-free", "used-page"],
    says: /^Page 0 of the used segments of \S+ counts segments behind its end\.$/,
  },
  "two disks of one NAA": {
    does: (tables) => tables.edit("disk/data", { naa: disk(tables, "other").naa }),
    found: ["identity"],
    says: /^Disk 'data' has NAA [0-9a-f]{32} and serial number \S+, which are not those of its table t\d+\.$/,
  },
  "a disk's record a second time under another name": {
    does: (tables) => tables.put("disk/twin", JSON.stringify({ ...disk(tables, "data"), name: "twin" })),
    found: ["root", "table-twice"],
    says: /^Disks 'data' and 'twin' have one table, t\d+\.$/,
  },
};

for (const [name, { does, found, says, data }] of Object.entries(CASES)) {
  test(`${name}: found and put right`, async (t) => {
    const directory = await copyOf(template);
    t.teardown(() => removeDirectory(directory));
    const before: Partial<DiskRecord>[] = [];
    damage(directory, (tables) => {
      before.push(disk(tables, "data"));
      does(tables);
    });
    const { problems } = await checkStoppedState(directory);
    t.deepEqual([...new Set(problems.map(({ code }) => code))].sort(), found);
    t.true(
      problems.some(({ message }) => says.test(message)),
      problems.map(({ message }) => message).join("\n"),
    );
    t.true((await repairStoppedState(directory)).consistent);
    t.deepEqual((await checkStoppedState(directory)).problems, []);
    damage(directory, (tables) => t.like(disk(tables, "data"), { ...before[0], ...data }));
    const { contents, bugs } = await startOn(directory, template.media);
    t.deepEqual(bugs, []);
    t.deepEqual(contents.data?.slice(0, 3), [1, 1, 1]);
    t.deepEqual(contents.snap?.slice(0, 3), [1, 2, 1]);
  });
}

test("records that say what cannot be are found, and what goes with them is told", async (t) => {
  const host = { name: "one", iqn: "iqn.2026-11.example:one", advertise: null };
  const exported = (name: string, lun: number) => JSON.stringify({ host: "one", disk: name, lun });
  const damages: Readonly<Record<string, (tables: Damage) => void>> = {
    "record root-leaked zone": (tables) => tables.edit("disk/data", { operation: "flying" }),
    record: (tables) => tables.put(`unit/unit-${disk(tables, "data").table}`, "{}"),
    export: (tables) => {
      tables.put("host/one", JSON.stringify(host));
      tables.put("export/one/data", exported("data", 0));
      tables.put("export/one/other", exported("other", 0));
    },
    "export ": (tables) => {
      tables.put("host/one", JSON.stringify(host));
      tables.put("export/one/data", exported("other", 3));
    },
  };
  for (const [found, does] of Object.entries(damages)) {
    const directory = await copyOf(template);
    t.teardown(() => removeDirectory(directory));
    damage(directory, (tables) => {
      for (const key of tables.keys("export/")) tables.remove(key);
    });
    t.true((await checkStoppedState(directory)).consistent);
    damage(directory, does);
    const { problems } = await checkStoppedState(directory);
    t.deepEqual([...new Set(problems.map(({ code }) => code))].sort(), found.trim().split(" "));
    t.true(problems.some(({ lost }) => lost));
    t.true((await repairStoppedState(directory)).consistent);
    t.deepEqual((await startOn(directory, template.media)).bugs, []);
  }
});

test("a pool or device of which the sizes cannot be is not repaired", async (t) => {
  const damages: readonly ((tables: Damage) => void)[] = [
    (tables) => tables.edit("pool/main", { segmentBytes: 2 * SEGMENT }),
    (tables) => tables.edit(tables.keys("device/")[0] as string, { segments: 5000 }),
  ];
  for (const does of damages) {
    const directory = await copyOf(template);
    t.teardown(() => removeDirectory(directory));
    damage(directory, does);
    const refusal = await t.throwsAsync(repairStoppedState(directory), { instanceOf: Refusal });
    t.regex(
      refusal.message,
      /^Nothing was repaired: .+ segments of \d+ bytes, which cannot be; restore .+ from a copy\.$/,
    );
  }
});

test("a disk with segments in a pool of other segments is not repaired, and nothing is changed", async (t) => {
  const directory = await copyOf(template);
  t.teardown(() => removeDirectory(directory));
  damage(directory, (tables) => {
    tables.put("pool/spare", pool("spare", 2 * SEGMENT));
    tables.edit("disk/data", { pool: "spare" });
  });
  const refusal = await t.throwsAsync(repairStoppedState(directory), { instanceOf: Refusal });
  t.regex(refusal.message, /^Nothing was repaired: .+ nothing can bring together; restore .+ from a copy\.$/);
});
