/** Pieces of the protocol, each of which has to be there: where it is, and what is left when it is taken away. */
import { AT_AGENTS } from "./at-agents.ts";
import { AT_THE_CONTROLLER } from "./at-the-controller.ts";
import type { Mutation } from "./mutation.ts";
import { PLACES } from "./places.ts";
import { RECORDED } from "./recorded.ts";
import { UNITS } from "./units.ts";

export const MUTATIONS: readonly Mutation[] = [
  // --- What an agent has to wait for, and what it must not take for new -------------------------
  {
    name: "drain",
    file: "target/mapping/references.ts",
    text: "return waits.length === 0 ? undefined : Promise.allSettled(waits.map((held) => held.ended));",
    replacement: "return waits.length === 0 ? undefined : undefined;",
  },
  {
    name: "epoch",
    file: "target/agent/core.ts",
    text: "ours.incarnation === incarnation && ours.epoch === epoch;",
    replacement: "ours.incarnation === incarnation;",
  },
  {
    name: "incarnation",
    file: "target/agent/core.ts",
    text: "ours.incarnation === incarnation && ours.epoch === epoch;",
    replacement: "ours.epoch === epoch;",
  },
  {
    name: "order",
    file: "target/agent/core.ts",
    text: "if (message.seq !== this.#applied + 1) return;",
    replacement: "",
  },
  {
    name: "once",
    file: "target/agent/core.ts",
    text: "if (message.seq <= this.#applied) return this.#acknowledge(message, Promise.resolve(undefined));\n    if (message.seq !== this.#applied + 1) return;",
    replacement: "if (message.seq > this.#applied + 1) return;",
  },
  {
    name: "drain-of-deleted-table",
    file: "target/agent/apply.ts",
    text: "  core.leaving.set(id, leaving);\n  await leaving;",
    replacement: "",
  },
  {
    name: "drain-of-snapshot",
    file: "target/agent/apply.ts",
    text: "    const drained = device.references.drain(0, device.table.segments);\n    device.table.protect();",
    replacement: "    const drained = undefined;\n    device.table.protect();",
  },
  {
    name: "cancelled-write-is-dead",
    file: "target/mapping/mapped-device.ts",
    text: 'if (outcome === "cancelled") return CANCELLED;\n      if (outcome !== "retry") return { kind: "reported", report: outcome };\n      const refused',
    replacement:
      'if (outcome === "cancelled") {\n        void this.#held(pieces, obstacle, undefined);\n        return CANCELLED;\n      }\n      if (outcome !== "retry") return { kind: "reported", report: outcome };\n      const refused',
  },
  {
    name: "flush-of-all-devices",
    file: "target/mapping/mapped-device.ts",
    text: "return join(this.#options.devices().map((device) => device.flush()));",
    replacement: "return join(this.#options.devices().slice(0, 1).map((device) => device.flush()));",
  },
  {
    name: "fua",
    file: "target/mapping/mapped-device.ts",
    text: "device.write(at, io.from, io.options)",
    replacement: "device.write(at, io.from)",
  },

  // --- What the controller has to wait for, and what has to be durable first --------------------
  {
    name: "durable-before-grant",
    file: "controller/families/round.ts",
    text: "await this.#commit(shared);",
    replacement: "this.#commit(shared).catch((error: unknown) => this.#core.bug(error));",
  },
  {
    name: "first-write-waits-for-all",
    file: "controller/families/round.ts",
    text: "await Promise.all([tell(this.#core, this.#edit, several, NOT_YET), tell(this.#core, this.#edit, single, 0)]);",
    replacement:
      "void tell(this.#core, this.#edit, several, NOT_YET);\n    void tell(this.#core, this.#edit, single, 0);",
  },
  {
    name: "read-everywhere-before-written-anywhere",
    file: "controller/families/round.ts",
    text: "tell(this.#core, this.#edit, several, NOT_YET), tell(",
    replacement: "tell(this.#core, this.#edit, several, 0), tell(",
  },
  {
    name: "step-560",
    file: "controller/families/round.ts",
    text: "const changed = [...this.#firsts.map(({ table, segment }) => [table, segment] as const), ...moved];",
    replacement:
      "const changed = this.#firsts.map(({ table, segment }) => [table, segment] as const);\n    void moved;",
  },
  {
    name: "copy",
    file: "controller/families/round.ts",
    text: "const failed = await copySegments(this.#core, segmentBytes, this.#shared);",
    replacement: "const failed = await copySegments(this.#core, segmentBytes, this.#shared.slice(1));",
  },
  {
    name: "copy-is-durable",
    file: "controller/families/copies.ts",
    text: "const sense = medium && (await failureOf(core, () => synced(core, device, medium)));",
    replacement: "const sense = medium && (await failureOf(core, async () => void [synced, device]));",
  },
  {
    name: "shared-is-not-written",
    file: "controller/tables/edit.ts",
    text: "if (sameLocation(entries, theirs, at)) entries[at] = ((entries[at] as number) | EntryState.NO_WRITE) >>> 0;",
    replacement: "",
  },
  {
    name: "snapshot-protects-first",
    file: "controller/snapshots/snapshots.ts",
    text: "    await protect(\n      core,\n      planned.map(({ source }) => source.table),\n    );",
    replacement: "",
  },
  {
    name: "all-forget-in-a-new-epoch",
    file: "controller/agents/delivery.ts",
    text: "for (const table of tables) deliveries.push(known.session.deliver(forgetAll(table)));",
    replacement: "",
  },
  {
    name: "nobody-acts-before-all-have-forgotten",
    file: "controller/families/faults.ts",
    text: "await Promise.all([...tables].map((table) => this.#core.agents.settled(table)));",
    replacement: "",
  },
  {
    name: "epoch-at-the-controller",
    file: "controller/core.ts",
    text: "message.epoch !== epoch || ",
    replacement: "",
  },
  {
    name: "unmap-revokes-first",
    file: "controller/families/unmaps.ts",
    text: "await Promise.all(ranges.map(({ table, first, count }) => revoke(core, table, first, count)));",
    replacement: "",
  },
  {
    name: "unmap-of-an-old-generation",
    file: "controller/families/unmaps.ts",
    text: "return generation >= core.tables.generationOf(table, chunkOf(first));",
    replacement: "return generation >= 0 && chunkOf(first) >= 0 && core.tables !== undefined && table !== '';",
  },
  {
    name: "unmap-before-who-excludes",
    file: "controller/units/exclusions.ts",
    text: "if (!this.#all.has(exclusion) || this.#unmaps.keys().some((unmap) => meets(exclusion, unmap))) return;",
    replacement: "if (!this.#all.has(exclusion)) return;",
  },
  {
    name: "ahead-is-looked-at-once-nobody-writes",
    file: "controller/families/ahead.ts",
    text: "    await Promise.all(placesOf(held).map(({ table, first, count }) => revoke(this.#core, table, first, count)));",
    replacement: "",
  },
  {
    name: "what-was-written-ahead-stays",
    file: "controller/families/ahead.ts",
    text: "if (await this.#isUnwritten(one.location)) unwritten.push(one);",
    replacement: "unwritten.push(one);",
  },
  {
    name: "zero-before-reuse",
    file: "controller/space/releases.ts",
    text: "      await this.punch({ runs: here });",
    replacement: "",
  },
  {
    name: "free-after-zero",
    file: "controller/space/releases.ts",
    text: "      await this.punch({ runs: here });",
    replacement:
      "      for (const location of locationsOf(here)) this.#o.allocator.free(location);\n      await this.punch({ runs: here });",
  },
  {
    name: "zero-of-foreign-devices",
    file: "controller/space/space.ts",
    text: "if (foreign.length > 0) await this.releases.punch({ runs: runsOf(foreign) });",
    replacement: "",
  },
  ...PLACES,
  ...UNITS,
  ...RECORDED,
  ...AT_AGENTS,
  ...AT_THE_CONTROLLER,
];
