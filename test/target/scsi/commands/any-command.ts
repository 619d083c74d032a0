/** Whatever a host sends, it gets an answer, and no command ends through a bug of ours. */
import test from "ava";
import fc from "fast-check";
import { commandTable } from "node-iscsi-target/scsi/commands/table.ts";
import { type Rig, rig } from "../../../helpers/scsi-host.ts";

const known = fc.constantFrom(...commandTable.map(({ cdb }) => cdb));

/** CDBs of commands that exist, with any fields: most of them small, so that they pass their checks. */
const field = fc.oneof({ weight: 3, arbitrary: fc.integer({ max: 3, min: 0 }) }, { weight: 1, arbitrary: fc.nat(255) });

const command = fc.record({
  cdb: fc.tuple(known, fc.array(field, { minLength: 16, maxLength: 16 })).map(([layout, bytes]) => {
    const cdb = Buffer.from(bytes.slice(0, layout.sizeBytes));
    cdb[0] = layout.opcode;
    if (layout.serviceAction !== undefined) cdb[1] = ((cdb[1] as number) & 0xe0) | layout.serviceAction;
    // NACA ends every command at once.
    cdb[layout.sizeBytes - 1] = 0;
    return cdb;
  }),
  data: fc.array(field, { maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
});

test("commands with any fields and any data are answered, and none ends through a bug", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 20 }), fc.boolean(), async (commands, thin) => {
      const { host, bugs } = await rig({ thin, blocks: 64, removable: true });
      for (const { cdb, data } of commands) await host.start(cdb, data).answer;
      t.deepEqual(bugs, []);
    }),
    { numRuns: 500, endOnFailure: true },
  );
});

test("parameter lists with any bytes are answered, and none ends through a bug", async (t) => {
  const lists = commandTable.filter(({ cdb }) => "listBytes" in cdb);
  t.true(lists.length > 10);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...lists), fc.array(field, { maxLength: 200 }), async ({ cdb: layout }, bytes) => {
      const { host, bugs }: Rig = await rig({ blocks: 64 });
      const cdb = Buffer.alloc(layout.sizeBytes);
      cdb[0] = layout.opcode;
      if (layout.serviceAction !== undefined) cdb[1] = layout.serviceAction;
      const { listBytes } = layout as unknown as typeof import("node-iscsi-target/scsi/cdb.ts").Unmap;
      listBytes.set(cdb, 0, bytes.length);
      // MODE SELECT and SEND DIAGNOSTIC take lists of pages only.
      if (layout.opcode === 0x15 || layout.opcode === 0x55 || layout.opcode === 0x1d) cdb[1] = 0x10;
      await host.start(cdb, Buffer.from(bytes)).answer;
      t.deepEqual(bugs, []);
    }),
    { numRuns: 3000, endOnFailure: true },
  );
});
