/**
 * Any damage to the tables: a repair ends with tables that are consistent and that a controller starts
 * with, or says in a sentence why it cannot; and after a single one no disk reads what another wrote.
 */
import { checkStoppedState } from "@sanlab/controller/check/stopped.ts";
import test from "ava";
import fc from "fast-check";
import type { Damage } from "../../helpers/damage.ts";
import {
  copyOf,
  damage,
  isRefused,
  makeTemplate,
  removeDirectory,
  startOn,
  type Template,
} from "../../helpers/damaged-lab.ts";

let template: Template;
test.before(async () => {
  template = await makeTemplate();
});
test.after.always(() => removeDirectory(template.directory));

/** Numbers choose among what is there. */
interface Blow {
  readonly kind: "remove" | "flip" | "cut" | "garbage" | "copy" | "repeat";
  readonly key: number;
  readonly at: number;
  readonly with: number;
}

const number = fc.nat({ max: 0xffff });
const blow: fc.Arbitrary<Blow> = fc.record({
  kind: fc.constantFrom("remove", "flip", "cut", "garbage", "copy", "repeat"),
  key: number,
  at: number,
  with: number,
});

/** Bytes that are changed one by one are those of tables: a record with another plausible number is another record. */
const TABLES = /^(root|chunk|used)\//;

function strike(tables: Damage, { kind, key: chosen, at, with: other }: Blow): void {
  const keys = tables.keys().filter((key) => !key.startsWith("lab/") && !key.startsWith("pool/"));
  const ofTables = keys.filter((key) => TABLES.test(key));
  const key = keys[chosen % keys.length] as string;
  const table = ofTables[chosen % ofTables.length] as string;
  const value = Buffer.from(tables.get(kind === "remove" || kind === "garbage" ? key : table));
  switch (kind) {
    case "remove":
      return tables.remove(key);
    case "garbage":
      return tables.put(key, Buffer.alloc(at % 64, other));
    case "flip":
      // It may have been cut to nothing before.
      if (value.length === 0) return;
      // Where entries are, rather than in the zeros after them.
      value.writeUInt8(
        value.readUInt8(at % Math.min(value.length, 64)) ^ (1 << (other % 8)),
        at % Math.min(value.length, 64),
      );
      return tables.put(table, value);
    case "cut":
      return tables.put(table, value.subarray(0, at % (value.length + 1)));
    case "copy":
      return tables.put(ofTables[other % ofTables.length] as string, value);
    case "repeat":
      value.copyWithin((other % 8) * 8, (at % 8) * 8, (at % 8) * 8 + 8);
      return tables.put(table, value);
  }
}

/** What "data" and its snapshot wrote, and what "other" did. */
const WRITTEN: Readonly<Record<string, readonly number[]>> = { data: [1, 2], snap: [1, 2], other: [100] };

test("any damage is mended, or refused in a sentence, and after a single one no disk reads what another wrote", async (t) => {
  t.timeout(300_000);
  let mended = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(blow, { minLength: 1, maxLength: 4 }), async (blows) => {
      const directory = await copyOf(template);
      try {
        damage(directory, (tables) => {
          for (const each of blows) if (tables.keys().some((key) => TABLES.test(key))) strike(tables, each);
        });
        const { problems } = await checkStoppedState(directory);
        if (await isRefused(directory)) return;
        if (problems.length > 0) mended += 1;
        const { contents, bugs } = await startOn(directory, template.media);
        if (bugs.length > 0) throw new Error(String(bugs[0]));
        for (const [disk, segments] of Object.entries(contents)) {
          const written = WRITTEN[disk];
          // Who else has been struck may not be there any more to say what is its own.
          if (blows.length > 1) continue;
          const foreign = segments.find((byte) => byte !== "E" && byte !== 0 && written?.includes(byte) === false);
          if (foreign !== undefined) throw new Error(`disk ${disk} reads ${foreign}`);
        }
        const after = (await checkStoppedState(directory)).problems;
        if (after.length > 0) throw new Error(`${after[0]?.message}`);
      } finally {
        await removeDirectory(directory);
      }
    }),
    { numRuns: 120, endOnFailure: true },
  );
  t.true(mended > 60, `${mended} of 120 damages were found and mended`);
});
