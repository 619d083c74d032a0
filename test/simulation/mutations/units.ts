/** What a unit is for all its hosts, and going on without an agent. */
import type { Mutation } from "./mutation.ts";

export const UNITS: readonly Mutation[] = [
  // --- What a unit is for all its hosts ---------------------------------------------------------
  {
    name: "change-of-a-unit-is-carried-out-by-all",
    file: "controller/units/units.ts",
    text: "await records.units.save(store, unit.id, next);\n    await this.#spread(unit, next);",
    replacement: "await records.units.save(store, unit.id, next);\n    void this.#spread(unit, next);",
  },
  {
    name: "change-of-a-unit-names-its-revision",
    file: "controller/units/units.ts",
    text: 'if (!isRepeat && message.expected !== record.revision) return answer("stale", record);',
    replacement: "",
  },
  {
    name: "change-of-a-unit-is-made-once",
    file: "controller/units/units.ts",
    text: "const isRepeat = last === incarnation && request === message.request;",
    replacement: "const isRepeat = last === incarnation && request === message.request && !this.#options;",
  },
  {
    name: "reservation-ends-what-it-stops",
    file: "target/scsi/unit-change.ts",
    text: "return conflicts && command.conflict ? RESERVATION_CONFLICT : undefined;",
    replacement: "return undefined;",
  },

  // --- Going on without an agent ----------------------------------------------------------------
  {
    name: "lease-is-over",
    file: "controller/agents/fencing.ts",
    text: "await this.leases.over(record);",
    replacement: "",
  },
  {
    name: "lease-is-asked-each-time",
    file: "target/agent/lease.ts",
    text: "this.#options.clock.nowMs() < this.#endsAtMs;",
    replacement: "this.#endsAtMs > Number.NEGATIVE_INFINITY;",
  },
  {
    name: "lease-of-an-earlier-controller",
    file: "controller/agents/leases.ts",
    text: "this.#grantedAtMs.get(name) ?? this.#beganAtMs",
    replacement: "this.#grantedAtMs.get(name) ?? Number.NEGATIVE_INFINITY",
  },
  {
    name: "exclusion-drains",
    file: "target/mapping/mapped-device.ts",
    text: "this.exclusions.hold(id, first, count);\n    await this.references.drain(first, count);",
    replacement: "this.exclusions.hold(id, first, count);",
  },
  {
    name: "exclusion-keeps-off-other-tables",
    file: "target/mapping/exclusions.ts",
    text: "for (const granted of this.#granted) if (granted.meets(first, last)) return granted.over;",
    replacement: "",
  },
  {
    name: "exclusion-drains-other-tables",
    file: "target/mapping/mapped-device.ts",
    text: "for (const references of underWay) await references.drain(first, count);",
    replacement: "",
  },
  {
    name: "all-pieces-are-looked-at",
    file: "target/mapping/mapped-device.ts",
    text: "for (const piece of pieces) {\n      const refused",
    replacement: "for (const piece of pieces.slice(0, 1)) {\n      const refused",
  },
  {
    name: "fenced-is-dead",
    file: "controller/agents/fencing.ts",
    text: "await fencer.fence(record.process);",
    replacement: "void fencer.fence(record.process);",
  },
  {
    name: "the-process-before-is-dead",
    file: "controller/agents/admission.ts",
    text: "if (!isSameProcess(hello, record)) await this.#fencing.end(record.name);",
    replacement: "void hello;",
  },
];
