/** Work on record that nobody has under way, and what is kept of devices and of the lab: found, and mended. */
import type { Damage } from "../../helpers/damage.ts";
import {
  type DamageCase,
  diskOf,
  firstKey,
  putAgain,
  putJson,
  tableOf,
  testDamages,
} from "../../helpers/damage-cases.ts";
import { ALL_SEGMENTS } from "../../helpers/damaged-lab-of-all.ts";
import { SEGMENT } from "../../helpers/mapping-lab.ts";

const familyOf = (tables: Damage, name: string) => diskOf(tables, name).family;

const CASES: Readonly<Record<string, DamageCase>> = {
  "a copy under way in a family that is not there": {
    does: (tables) =>
      putJson(tables, "copying/t77", { family: "t77", copies: [{ table: "t77", segment: 1, others: ["t78"] }] }),
    found: ["copying"],
    says: /^A copy of segment 1 is on record as under way in family t77, for table t77, which it does not have\.$/,
    after: { "copying/t77": undefined },
  },
  "a copy under way that the others do not have": {
    does: (tables) => {
      const copy = { table: tableOf(tables, "other"), segment: 0, others: [tableOf(tables, "other-snap")] };
      putJson(tables, `copying/${copy.table}`, { family: copy.table, copies: [copy] });
    },
    found: ["copying"],
    says: /, and disk 'other-snap' has no copy there\.$/,
  },
  "a copy under way of what is zero": {
    does: (tables) => {
      const [of, snap] = [tableOf(tables, "data"), tableOf(tables, "data-snap")];
      putJson(tables, `copying/${of}`, { family: of, copies: [{ table: of, segment: 30, others: [snap] }] });
    },
    found: ["copying"],
    says: /^A copy of segment 30 .+, and disk 'data' has nothing there\.$/,
  },
  "a copy under way behind the end of its disk": {
    does: (tables) => {
      const [of, snap] = [tableOf(tables, "data"), tableOf(tables, "data-snap")];
      putJson(tables, `copying/${of}`, { family: of, copies: [{ table: of, segment: 900, others: [snap] }] });
    },
    found: ["copying"],
    says: /^A copy of segment 900 .+, and disk 'data' ends before it\.$/,
  },
  "segments ahead of a table that is not there": {
    does: (tables) => putJson(tables, "ahead/t77", { family: "t77", ranges: [["t77", 0, 4]] }),
    found: ["ahead"],
    says: /^Segments 0 to 3 of table t77 are on record as allocated ahead in family t77, which it does not have\.$/,
    after: { "ahead/t77": undefined },
  },
  "segments ahead of a disk that is not written": {
    does: (tables) => {
      const of = familyOf(tables, "other");
      putJson(tables, `ahead/${of}`, { family: of, ranges: [[tableOf(tables, "other-snap"), 0, 4]] });
    },
    found: ["ahead"],
    says: /, and disk 'other-snap' is not written\.$/,
  },
  "segments ahead that are behind the end of their disk": {
    does: (tables) => {
      const of = familyOf(tables, "seq");
      putJson(tables, `ahead/${of}`, { family: of, ranges: [[of, ALL_SEGMENTS - 2, 4]] });
    },
    found: ["ahead"],
    says: /^Segments 30 to 33 of table t\d+ .+, and disk 'seq' ends before them\.$/,
  },
  "the cluster id of the lab changed": {
    does: (tables) => tables.edit("lab/lab", { cluster: "12345678-9000-4000-8000-000000000001" }),
    found: ["lab"],
    says: /^The cluster id is said to begin with 123456789, and that of every disk does with 000000000\.$/,
    after: { "lab/lab": { cluster: "00000000-0000-4000-8000-000000000001" } },
  },
  "a fault that cannot be read": {
    does: (tables) => tables.edit("injection/slow", { text: "be slow" }),
    found: ["fault"],
    says: /^The text of fault 'slow' cannot be: The fault is wrong at column 1: /,
    loses: true,
    after: { "injection/slow": undefined },
  },
  "an operation in a pool that is not there": {
    does: (tables) => {
      const key = firstKey(tables, "operation/");
      tables.edit(key, { task: { ...tables.json<{ task: object }>(key).task, pool: "nowhere" } });
    },
    found: ["operation"],
    says: /^Operation \d+ \(migrate\) is said to run in pool 'nowhere', which is not there\.$/,
    loses: true,
  },
  "an operation on a disk of another family": {
    does: (tables) => {
      const key = firstKey(tables, "operation/");
      tables.edit(key, { task: { ...tables.json<{ task: object }>(key).task, disk: "seq" } });
    },
    found: ["operation"],
    says: /, for disk 'seq', which is not of family t\d+\.$/,
    loses: true,
  },
  "an operation twice": {
    does: (tables) => putAgain(tables, firstKey(tables, "operation/"), "operation/99", { id: "99" }),
    found: ["number", "operation"],
    says: /^Operation 99 \(migrate\) is said to run in pool 'main', which operation \d+ moves segments of already\.$/,
    loses: true,
  },
  "an operation that empties a device which takes segments": {
    does: (tables) => {
      const device = tables.json<{ device: number }>(firstKey(tables, "device/"));
      tables.edit(firstKey(tables, "operation/"), { task: { kind: "evacuate", device: device.device, pool: "main" } });
    },
    found: ["operation"],
    says: /^Operation \d+ \(evacuate\) .+, whose device \/one takes segments meanwhile\.$/,
    loses: true,
  },
  "an operation with counts that cannot be": {
    does: (tables) => tables.edit(firstKey(tables, "operation/"), { total: "many", rate: -1, stayed: [null] }),
    found: ["record"],
    says: /^The record operation\/\d+ says "many" for total, which cannot be\.$/,
    loses: true,
  },
  "a device a second time": {
    does: (tables) => putAgain(tables, "device/2", "device/9", { device: 9 }),
    found: ["device"],
    says: /^Devices 2 and 9 are said to be one \(\/one, \S+\)\.$/,
    after: { "device/9": undefined, "device/2": { path: "/one" } },
  },
  "a device that leaves in a way that there is not": {
    does: (tables) => tables.edit("device/2", { leaving: "soon" }),
    found: ["record"],
    says: /^The record device\/2 says "soon" for leaving, which cannot be\.$/,
    loses: true,
  },
  "a failed sync of a device that is not there": {
    does: (tables) => putJson(tables, "unsynced/77", { device: 77 }),
    found: ["device"],
    says: /^A sync of device 77 is said to have failed, and there is no such device\.$/,
  },
  "segments set aside in a pool that is not there": {
    does: (tables) => putJson(tables, "reserve/nowhere", { pool: "nowhere", runs: [] }),
    found: ["set-aside"],
    says: /^Segments are set aside in pool 'nowhere', which is not there\.$/,
  },
  "a pool whose record is missing": {
    does: (tables) => tables.remove("pool/main"),
    found: ["pool"],
    says: /^The record of pool 'main' is missing\.$/,
    loses: true,
    after: { "pool/main": { name: "main", segmentBytes: SEGMENT, queueWhenFullMs: 0 } },
  },
  "a pool whose record cannot be read": {
    does: (tables) => tables.put("pool/spare", "{"),
    found: ["pool"],
    says: /^The record of pool 'spare' cannot be read\.$/,
    loses: true,
    after: { "pool/spare": { name: "spare", segmentBytes: SEGMENT, queueWhenFullMs: 0 } },
  },
  "a second record of what there is one of": {
    does: (tables) => tables.put("lab/second", tables.get("lab/lab")),
    found: ["record"],
    says: /^The record lab\/second cannot be read\.$/,
    after: { "lab/second": undefined },
  },
};

testDamages(CASES);
