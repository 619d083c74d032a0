/** What has to be on record before it is done, and who has to be waited for: pieces that only a crash or a late agent misses. */
import type { Mutation } from "./mutation.ts";

export const RECORDED: readonly Mutation[] = [
  {
    name: "wait-for-every-agent",
    file: "controller/agents/delivery.ts",
    text: "await Promise.all(holders.map((record) => this.#toOne(record, message)));",
    replacement: "await Promise.all(holders.map((record) => this.#toOne(record, message)).slice(1));",
  },
  {
    name: "repeat-is-acknowledged-with-its-effect",
    file: "target/agent/core.ts",
    text: "const pending = this.#pending.get(message.seq) ?? complete;",
    replacement: "const pending = complete;",
  },
  {
    name: "grants-are-on-record-first",
    file: "controller/agents/delivery.ts",
    text: "await this.#roster.recordTables(name, [...record.tables, ...joined]);",
    replacement: "void this.#roster.recordTables(name, [...record.tables, ...joined]);",
  },
  {
    name: "on-record-until-it-is-acknowledged",
    file: "controller/agents/delivery.ts",
    text: " || known.leaving.has(table);",
    replacement: ";",
  },
  {
    name: "step-560-before-it-is-on-record",
    file: "controller/families/round.ts",
    text: "await Promise.all([tell(this.#core, this.#edit, several, NOT_YET), tell(this.#core, this.#edit, single, 0)]);\n    if (this.#core.records.copies.get(this.#family.id)) await forgetCopies(this.#core, this.#family.id);",
    replacement:
      "if (this.#core.records.copies.get(this.#family.id)) await forgetCopies(this.#core, this.#family.id);\n    await Promise.all([tell(this.#core, this.#edit, several, NOT_YET), tell(this.#core, this.#edit, single, 0)]);",
  },
  {
    name: "step-560-after-a-crash",
    file: "controller/recovery.ts",
    text: "family?.run(() => finishCopies(core, family, record))",
    replacement:
      "core.commits.run((change) => { change.delete(core.records.copies.key(record.family)).learn(() => core.records.copies.learn(record.family, undefined)); void finishCopies; void family; })",
  },
  {
    name: "moved-before-it-is-told",
    file: "controller/migration/move.ts",
    text: "  const release = await core.commits.run((change) => {",
    replacement: "  await tell(core, edit, entries, 0);\n  const release = await core.commits.run((change) => {",
  },
  {
    name: "off-what-moved-after-a-crash",
    file: "controller/space/space.ts",
    text: "      else this.#finish(release, drained).catch(onBug);",
    replacement: "      else this.releases.finish(release).catch(onBug);",
  },
  {
    name: "deleted-at-the-silent-too",
    file: "controller/disks.ts",
    text: '  await core.agents.toTable(disk.table, { type: "delete_table", table: disk.table });\n',
    replacement: "",
  },
  {
    name: "punch-is-durable",
    file: "controller/space/releases.ts",
    text: "for (const [device, medium] of devices) await this.#sync(device, medium);",
    replacement: "",
  },
  {
    name: "reference-on-each-segment",
    file: "target/mapping/mapped-device.ts",
    text: "this.references.hold(first, last, completion)",
    replacement: "this.references.hold(first, first, completion)",
  },
  {
    name: "zeroing-heeds-no-write",
    file: "target/mapping/entry-checks.ts",
    text: "zero: EntryState.INVALID | EntryState.NO_WRITE,",
    replacement: "zero: EntryState.INVALID,",
  },
  {
    name: "unit-is-changed-when-commands-have-ended",
    file: "target/agent/apply.ts",
    text: "set_unit: (core, { unit, state }) => settled(Promise.all([core.shared.adopt(unit, state), core.retiring.get(unit)])),",
    replacement:
      "set_unit: (core, { unit, state }) => {\n    void core.shared.adopt(unit, state);\n    return undefined;\n  },",
  },
  {
    name: "others-hold-for-an-exclusion",
    file: "controller/units/exclusions.ts",
    text: "exclusion.begun = this.#options.agents.toTable(exclusion.table, holdOf(exclusion), exclusion.agent);",
    replacement: "exclusion.begun = Promise.resolve();",
  },
  {
    name: "no-longer-alone",
    file: "controller/units/exclusions.ts",
    text: "    if (!joins) return;\n",
    replacement: "    return;\n",
  },
  {
    name: "margin-of-leases",
    file: "controller/agents/leases.ts",
    text: "CLOCK_MARGIN = 0.25",
    replacement: "CLOCK_MARGIN = 0",
  },
];
