/** One thing left out at a time, or done too soon, by an agent. */
import type { Mutation } from "./mutation.ts";

export const AT_AGENTS: readonly Mutation[] = [
  {
    name: "each-entry-drains",
    file: "target/agent/apply.ts",
    text: "const drained = message.blocking ? device.references.drain(message.first, count) : undefined;",
    replacement: "const drained = undefined;void count;",
  },
  {
    name: "acknowledged-when-drained",
    file: "target/agent/core.ts",
    text: 'if (pending === undefined) return this.say({ type: "ack", seq: message.seq, ...unvouched(this, message) });',
    replacement:
      'if (pending === undefined || message.type === "set_entry") return this.say({ type: "ack", seq: message.seq });',
  },
  {
    name: "alone-no-more-drains",
    file: "target/mapping/mapped-device.ts",
    text: "if (!alone) await this.references.drain(0, this.table.segments);",
    replacement: "",
  },
  {
    name: "deleted-table-drains",
    file: "target/mapping/mapped-device.ts",
    text: "    this.exclusions.endAll();\n    await this.references.drain(0, this.table.segments);",
    replacement: "    this.exclusions.endAll();",
  },
  {
    name: "unit-is-gone-when-its-commands-are",
    file: "target/agent/apply.ts",
    text: "  await retiring;\n",
    replacement: "  void retiring;\n",
  },
  {
    name: "numbers-begin-anew",
    file: "target/agent/core.ts",
    text: "      this.#applied = 0;\n      // Numbers",
    replacement: "      // Numbers",
  },
  {
    name: "lease-is-asked-before-the-answer",
    file: "target/agent/leased-disk.ts",
    text: 'result.kind === "cancelled" || this.#isValid() ? result : UNAVAILABLE;',
    replacement: 'result.kind === "cancelled" || this.#isValid !== undefined ? result : UNAVAILABLE;',
  },
  {
    name: "lease-runs-from-the-request",
    file: "target/agent/lease.ts",
    text: "Math.max(this.#endsAtMs, sentAtMs + durationMs)",
    replacement: "Math.max(this.#endsAtMs, this.#options.clock.nowMs() + durationMs)",
  },
  {
    name: "lease-that-is-over-is-forgotten",
    file: "target/agent/core.ts",
    text: "      table.forget();\n",
    replacement: "      void table;\n",
  },
  {
    name: "lease-is-asked-before-each-call",
    file: "target/agent/apply.ts",
    text: "core.options.openDevice(message, core.lease?.isValid, syncs)",
    replacement: "core.options.openDevice(message, undefined, syncs)",
  },
];
