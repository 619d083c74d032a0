/** Disks, their further tables and what is kept of their units that cannot be: found, and mended. */
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import type { Damage } from "../../helpers/damage.ts";
import { type DamageCase, diskOf, putAgain, tableOf, testDamages } from "../../helpers/damage-cases.ts";
import { ALL_SEGMENTS } from "../../helpers/damaged-lab-of-all.ts";
import { SEGMENT } from "../../helpers/mapping-lab.ts";

const unit = (tables: Damage) => `unit/unit-${tableOf(tables, "data")}`;
interface Reservations {
  readonly reservations: { readonly registrations: readonly object[]; readonly reservation: object };
}
const reservations = (tables: Damage) => tables.json<Reservations>(unit(tables)).reservations;

const CASES: Readonly<Record<string, DamageCase>> = {
  "two disks with one NAA": {
    does: (tables) => tables.edit("disk/seq", { naa: diskOf(tables, "other").naa }),
    found: ["identity"],
    says: /^Disk 'seq' has NAA [0-9a-f]{32} and serial number \S+, which are not those of its table t\d+\.$/,
  },
  "an NAA of another lab": {
    does: (tables) => tables.edit("disk/seq", { naa: diskOf(tables, "seq").naa.replace(/^6525400./, "6525400f") }),
    found: ["identity"],
    says: /^Disk 'seq' has NAA 6525400f/,
  },
  "two disks with one NAA and serial number": {
    does: (tables) => {
      const { naa, serial } = diskOf(tables, "other");
      tables.edit("disk/seq", { naa, serial });
    },
    found: ["identity"],
    says: /^Disk 'seq' has NAA [0-9a-f]{32} and serial number \S+, which are not those of its table t\d+\.$/,
  },
  "a further table with the identity of its disk": {
    does: (tables) => {
      const { naa, serial } = diskOf(tables, "data");
      tables.edit("view/data/part", { naa, serial });
    },
    found: ["identity"],
    says: /^Table 'part' of disk 'data' has NAA [0-9a-f]{32} /,
  },
  "Nw in a stored entry": {
    does: (tables) => {
      const root = tables.get(`root/${tableOf(tables, "other")}`);
      const chunk = `chunk/${root.readUInt32LE(0).toString(16).padStart(8, "0")}`;
      tables.words(chunk, (words) => {
        words[6] = ((words[6] as number) | EntryState.NO_WRITE) >>> 0;
      });
    },
    found: ["entry"],
    says: /^Disk 'other' \(and 1 that share with it\), segment 3: Nw, which is not stored\.$/,
  },
  "a table of no name that there is": {
    does: (tables) => tables.put("root/zzz", tables.get(`root/${tableOf(tables, "seq")}`)),
    found: ["root-leaked", "usage"],
    says: /^The table zzz belongs to no disk\.$/,
    loses: true,
    after: { "root/zzz": undefined },
  },
  "a further table a second time": {
    does: (tables) => putAgain(tables, "view/data/part", "view/data/twin", { name: "twin" }),
    found: ["view"],
    says: /^Table 'twin' of disk 'data' is said to be t\d+, as another is\.$/,
    loses: true,
    after: { "view/data/twin": undefined },
  },
  "a further table of another number": {
    does: (tables) => tables.edit("view/data/part", { id: tableOf(tables, "seq") }),
    found: ["view"],
    says: /^Table 'part' of disk 'data' is said to be t\d+, and by its NAA and serial number is t\d+\.$/,
  },
  "a further table with an NAA that cannot be": {
    does: (tables) => tables.edit("view/data/part", { naa: "nowhere" }),
    found: ["identity"],
    says: /^Table 'part' of disk 'data' has NAA nowhere /,
  },
  "a further table larger than its segments": {
    does: (tables) => tables.edit("view/data/part", { sizeBytes: 9 * SEGMENT }),
    found: ["export", "view"],
    says: /cannot be: Its 4 segments are not its \d+ bytes\.$/,
    loses: true,
  },
  "a unit of no disk": {
    does: (tables) => tables.put("unit/unit-t999", tables.get(unit(tables))),
    found: ["unit"],
    says: /^There is a record of unit unit-t999, which is of no disk\.$/,
    loses: true,
    after: { "unit/unit-t999": undefined },
  },
  "a reservation of a port that is not registered": {
    does: (tables) => tables.edit(unit(tables), { reservations: { ...reservations(tables), registrations: [] } }),
    found: ["unit"],
    says: /^The reservation of 'data' is of a port that is not registered\.$/,
    loses: true,
  },
  "a port registered twice": {
    does: (tables) => {
      const kept = reservations(tables);
      const registrations = [...kept.registrations, { ...kept.registrations[0], key: "bb" }];
      tables.edit(unit(tables), { reservations: { ...kept, registrations } });
    },
    found: ["unit"],
    says: /^A port is registered twice with 'data'\.$/,
    loses: true,
  },
  "a reservation of a type that there is not": {
    does: (tables) => {
      const kept = reservations(tables);
      tables.edit(unit(tables), { reservations: { ...kept, reservation: { ...kept.reservation, type: 2 } } });
    },
    found: ["record"],
    says: /^The record unit\/unit-t\d+ cannot be read\.$/,
    loses: true,
  },
  "a snapshot that is said to be made of nothing": {
    does: (tables) => tables.edit("disk/data-snap", { origin: null }),
    found: ["family"],
    says: /^Disk 'data-snap' is said to be made of none, and shares segments with family t\d+\.$/,
    after: { "disk/data-snap": { kind: "snapshot" } },
  },
  "a snapshot that is said to be made of another disk": {
    does: (tables) => tables.edit("disk/data-snap", { origin: tableOf(tables, "seq") }),
    found: ["family"],
    says: /^Disk 'data-snap' is said to be made of t\d+, and shares segments with family t\d+\.$/,
  },
  "a disk that is said to be made of another": {
    does: (tables) => tables.edit("disk/data", { origin: tableOf(tables, "seq") }),
    found: ["family"],
    says: /^Disk 'data' is said to be made of t\d+, and shares segments with family t\d+\.$/,
    after: { "disk/data": { origin: null, kind: "disk" } },
  },
  "a disk made at no time": {
    does: (tables) => tables.edit("disk/data", { createdAt: "nowhere", thick: "x" }),
    found: ["record"],
    says: /^The record disk\/data says "nowhere" for createdAt, which cannot be\.$/,
    loses: true,
    after: { "disk/data": { thick: false } },
  },
  "a disk smaller than its snapshot": {
    does: (tables) => tables.edit("disk/other", { sizeBytes: 8 * SEGMENT }),
    found: ["size"],
    says: /^Disk 'other' is said to have \d+ bytes, and its snapshot 'other-snap' \d+, although disks do not shrink\.$/,
    after: { "disk/other": { sizeBytes: ALL_SEGMENTS * SEGMENT } },
  },
};

testDamages(CASES);
