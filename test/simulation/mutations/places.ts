/** Where segments lie: those that move, fail, or are lost, and devices that fail to write. */
import type { Mutation } from "./mutation.ts";

export const PLACES: readonly Mutation[] = [
  // --- Segments that move, disks that go back, segments that fail --------------------------------
  {
    name: "nothing-writes-what-moves",
    file: "controller/migration/move.ts",
    text: "await tell(core, edit, moves.flatMap(holders), NOT_YET);",
    replacement: "",
  },
  {
    name: "drain-before-migrations-free",
    file: "controller/migration/move.ts",
    text: "await Promise.all([tell(core, edit, several, NOT_YET), tell(core, edit, single, 0)]);\n  await tell(core, edit, [...several, ...left.flatMap(holders)], 0);",
    replacement: "void tell(core, edit, [...several, ...single, ...left.flatMap(holders)], 0);",
  },
  {
    name: "what-moves-is-copied",
    file: "controller/migration/move.ts",
    text: "const failed = await copySegments(core, segmentBytes, moves);",
    replacement: "const failed = await copySegments(core, segmentBytes, moves.slice(1));",
  },
  {
    name: "restore-revokes-first",
    file: "controller/snapshots/restore.ts",
    text: "await revoke(core, disk.table, 0, WHOLE_TABLE);",
    replacement: "void revoke;\n    void WHOLE_TABLE;",
  },
  {
    name: "restore-protects-the-snapshot",
    file: "controller/snapshots/restore.ts",
    text: "await protect(core, [snapshot.table]);",
    replacement: "void protect;",
  },
  {
    name: "what-fails-fails-everywhere",
    file: "controller/families/errors.ts",
    text: "await tell(core, edit, entries, 0);",
    replacement: "void tell(core, edit, entries, 0);",
  },
  {
    name: "failing-keeps-the-rest",
    file: "controller/families/errors.ts",
    text: "[(word0 & ~EntryState.ERROR) >>> 0, (word1 & ~SENSE_BITS) >>> 0]",
    replacement: "[EntryState.ZERO, 0]",
  },

  // --- Writes and syncs that fail, devices that are lost ------------------------------------------
  {
    name: "failed-sync-is-remembered",
    file: "target/storage/engine/sync-group.ts",
    text: "if (error) this.#remember();",
    replacement: "",
  },
  {
    name: "failed-sync-is-told-to-who-opens-later",
    file: "controller/agents/publication.ts",
    text: "const unsynced = records.unsynced.has(String(device));",
    replacement: "const unsynced = false;",
  },
  {
    name: "shown-once-it-is-vouched-for",
    file: "controller/agents/delivery.ts",
    text: "const items = presentable(desired, known, recorded);",
    replacement: "const items = desired;",
  },
  {
    name: "vouched-for-since-it-was-opened",
    file: "controller/agents/vouching.ts",
    text: "const isSynced = await onOpened(device);",
    replacement: "const isSynced = typeof onOpened !== typeof device;",
  },
  {
    name: "copy-that-was-not-written",
    file: "controller/families/copies.ts",
    text: "if (sense !== undefined) failed.set(copy, sense);",
    replacement: "void sense;",
  },
  {
    name: "copy-that-was-not-synced",
    file: "controller/families/copies.ts",
    text: "if (sense !== undefined) for (const copy of theirs) failed.set(copy, sense);",
    replacement: "void sense;\n    void theirs;",
  },
  {
    name: "zeros-that-were-not-written",
    file: "controller/space/releases.ts",
    text: "nobody is given what was not punched.\n      return log(",
    replacement: "nobody is given what was not punched.\n      log(",
  },
  {
    name: "what-is-lost-fails",
    file: "controller/tables/edit.ts",
    text: "this.set(table, segment, [(EntryState.ERROR | EntryState.ZERO) >>> 0, sense]);",
    replacement: "this.set(table, segment, [EntryState.ZERO, sense & 0]);",
  },
];
