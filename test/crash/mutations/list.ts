/** Syncs, each of which has to be there: where it is, and what is left when it is taken away. */
import type { Mutation } from "../../simulation/mutations/mutation.ts";

export const MISSING_SYNCS: readonly Mutation[] = [
  {
    name: "flush",
    file: "target/storage/file-device.ts",
    text: "return this.readOnly ? OK : this.#outstanding.counted(this.#syncs.sync());",
    replacement: "return OK;",
  },
  {
    name: "fua",
    file: "target/storage/file-device.ts",
    text: "if (!this.#writeThrough && options?.fua !== true) return written;",
    replacement: "if (!this.#writeThrough) return written;",
  },
  {
    name: "flush-of-all-devices",
    file: "target/mapping/mapped-device.ts",
    text: "return join(this.#options.devices().map((device) => device.flush()));",
    replacement: "return join(this.#options.devices().slice(0, 1).map((device) => device.flush()));",
  },
  {
    name: "copy-before-commit",
    file: "controller/families/copies.ts",
    text: "const sense = medium && (await failureOf(core, () => synced(core, device, medium)));",
    replacement: "const sense = medium && (await failureOf(core, async () => void [synced, device]));",
  },
  {
    name: "zeros-before-free",
    file: "controller/space/releases.ts",
    text: "for (const [device, medium] of devices) await this.#sync(device, medium);",
    replacement: "",
  },
  {
    name: "commit-of-a-transaction",
    file: "controller/store/sqlite-store.ts",
    text: "PRAGMA synchronous = FULL",
    replacement: "PRAGMA synchronous = OFF",
  },
  {
    name: "commit-at-checkpoints-only",
    file: "controller/store/sqlite-store.ts",
    text: "PRAGMA synchronous = FULL",
    replacement: "PRAGMA synchronous = NORMAL",
  },
  {
    name: "small-files",
    file: "controller/server/state-file.ts",
    text: "  sync(from);\n",
    replacement: "",
  },
];
