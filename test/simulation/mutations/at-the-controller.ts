/** One thing left out at a time, or done too soon, by the controller. */
import type { Mutation } from "./mutation.ts";

export const AT_THE_CONTROLLER: readonly Mutation[] = [
  {
    name: "snapshot-is-committed-last",
    file: "controller/snapshots/snapshots.ts",
    text: "    await protect(\n      core,\n      planned.map(({ source }) => source.table),\n    );\n    await commit(core, planned);",
    replacement:
      "    await commit(core, planned);\n    await protect(\n      core,\n      planned.map(({ source }) => source.table),\n    );",
  },
  {
    name: "snapshot-has-its-turn",
    file: "controller/snapshots/snapshots.ts",
    text: "await core.families.runAll(families, async () => {",
    replacement: "await Promise.resolve(families).then(async () => {",
  },
  {
    name: "unmap-is-answered-when-it-is-done",
    file: "controller/families/unmaps.ts",
    text: "  for (let first = 0; first < valid.length; first += RANGES_AT_ONCE) {\n    await unmapRanges(",
    replacement: "  for (let first = 0; first < valid.length; first += RANGES_AT_ONCE) {\n    void unmapRanges(",
  },
  {
    name: "failing-is-on-record-first",
    file: "controller/families/errors.ts",
    text: "  await core.commits.run((transaction) => edit.into(transaction, roots));\n  await tell(core, edit, entries, 0);",
    replacement:
      "  await tell(core, edit, entries, 0);\n  await core.commits.run((transaction) => edit.into(transaction, roots));",
  },
  {
    name: "moved-names-its-tables",
    file: "controller/migration/move.ts",
    text: "({ from }) => from),\n      tables,\n",
    replacement: "({ from }) => from),\n      tables.slice(0, 0),\n",
  },
  {
    name: "all-holders-move",
    file: "controller/tables/edit.ts",
    text: "this.#relocate([table, ...this.sharers(table, segment)], segment, to);",
    replacement: "this.#relocate([table, ...this.sharers(table, segment).slice(1)], segment, to);",
  },
  {
    name: "all-others-have-the-copy",
    file: "controller/tables/edit.ts",
    text: "this.#relocate(others, segment, to);\n    this.#touch",
    replacement: "this.#relocate(others.slice(1), segment, to);\n    this.#touch",
  },
  {
    name: "step-560-is-on-record",
    file: "controller/families/round.ts",
    text: "if (copies.length === 0) return;",
    replacement: "if (copies.length >= 0) return;",
  },
  {
    name: "what-is-not-needed-is-zero",
    file: "controller/space/space.ts",
    text: "if (open.length > 0) await this.releases.punch({ runs: runsOf(open) });\n    } catch (error) {\n      // What",
    replacement: "void open;\n    } catch (error) {\n      // What",
  },
  {
    name: "what-a-crash-leaves-is-zero",
    file: "controller/space/space.ts",
    text: "return this.releases.begin(change, left);",
    replacement:
      "for (const one of left) this.#o.allocator.free(one);\n      this.#o.used.mark(change, left, false);\n      return undefined;",
  },
  {
    name: "allocated-once",
    file: "controller/space/allocator.ts",
    text: "    space.used.set(segment);\n",
    replacement: "",
  },
  {
    name: "named-is-not-set-aside",
    file: "controller/space/reserve.ts",
    text: "      listed.delete(locationName(location));\n      change.orElse",
    replacement: "      change.orElse",
  },
  {
    name: "absent-agents-have-not-forgotten",
    file: "controller/agents/delivery.ts",
    text: "  async #forgotten(record: AgentRecord): Promise<void> {\n    const session = this.#roster.session(record.name) ?? (await this.#returned(record));",
    replacement:
      "  async #forgotten(record: AgentRecord): Promise<void> {\n    const session = this.#roster.session(record.name);",
  },
  {
    name: "absent-agents-are-waited-for",
    file: "controller/agents/delivery.ts",
    text: "  async #toOne(record: AgentRecord, message: Outgoing): Promise<void> {\n    const session = this.#roster.session(record.name) ?? (await this.#returned(record));",
    replacement:
      "  async #toOne(record: AgentRecord, message: Outgoing): Promise<void> {\n    const session = this.#roster.session(record.name);",
  },
  {
    name: "forgotten-when-it-is-drained",
    file: "controller/agents/delivery.ts",
    text: "await this.#fencing.limited(record.name, session, Promise.resolve(this.#synchronised.get(session)));",
    replacement: "",
  },
  {
    name: "incarnation-at-the-controller",
    file: "controller/core.ts",
    text: " || message.incarnation !== incarnation",
    replacement: " || incarnation < 0",
  },
  {
    name: "fenced-is-not-heard",
    file: "controller/core.ts",
    text: " || session.fenced)",
    replacement: ")",
  },
  {
    name: "exclusions-wait-for-each-other",
    file: "controller/units/exclusions.ts",
    text: "if (exclusion.begun || this.#mustWait(exclusion)) continue;",
    replacement: "if (exclusion.begun) continue;",
  },
  {
    name: "who-joins-holds",
    file: "controller/units/exclusions.ts",
    text: 'void session.deliver({ type: "hold", table, hold, first: 0, count: MAX_TABLE_SEGMENTS });',
    replacement: "",
  },
  {
    name: "holds-outlast-the-epoch",
    file: "controller/units/exclusions.ts",
    text: "const work = this.#options.agents.toTable(table, nothing).then(",
    replacement: "const work = Promise.resolve(nothing).then(",
  },
];
