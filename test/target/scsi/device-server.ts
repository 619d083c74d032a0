import test from "ava";
import fc from "fast-check";
import { Inquiry, Read10, ReportLuns, RequestSense, TestUnitReady } from "node-iscsi-target/scsi/cdb.ts";
import { commandTable } from "node-iscsi-target/scsi/commands/table.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { FixedSense } from "node-iscsi-target/scsi/sense.ts";
import { FixedInventory, type LunInventory } from "node-iscsi-target/scsi/server-context.ts";
import { ScriptedDevice } from "../../helpers/scripted-device.ts";
import { cdbOf, IDENTITY, rig, ScsiHost, senseName } from "../../helpers/scsi-host.ts";

test("LUN 0 answers INQUIRY, REPORT LUNS and REQUEST SENSE where no unit is mapped", async (t) => {
  const host = new ScsiHost(new BlockDeviceServer({ inventory: new FixedInventory(new Map()) }));
  const inquiry = await host.send(cdbOf(Inquiry, { allocationBytes: 36 }));
  t.is(senseName(inquiry), "GOOD");
  t.is(inquiry.dataIn?.[0], 0x7f);
  t.is(senseName(await host.send(cdbOf(Inquiry, { vitalData: 1, allocationBytes: 36 }))), "INVALID_FIELD_IN_CDB");
  const luns = await host.send(cdbOf(ReportLuns, { allocationBytes: 64 }));
  t.deepEqual([...(luns.dataIn ?? [])], [0, 0, 0, 0, 0, 0, 0, 0]);
  const sense = await host.send(cdbOf(RequestSense, { allocationBytes: 18 }));
  t.like(FixedSense.decode(sense.dataIn ?? Buffer.alloc(18)), { senseKey: 5, asc: 0x25 });
  t.is(senseName(await host.send(cdbOf(TestUnitReady))), "LOGICAL_UNIT_NOT_SUPPORTED");
  t.is(senseName(await host.send(cdbOf(Read10, { blocks: 1 }))), "LOGICAL_UNIT_NOT_SUPPORTED");
});

test("a CDB that is cut short is refused, with and without a unit", async (t) => {
  const { host } = await rig();
  for (const { cdb } of commandTable) {
    const short = cdbOf(cdb as typeof Inquiry).subarray(0, cdb.sizeBytes - 1);
    t.is(senseName(await host.send(short)), "INVALID_FIELD_IN_CDB");
    t.is(senseName(await host.send(short, undefined, { lun: 5 })), "LOGICAL_UNIT_NOT_SUPPORTED");
  }
});

test("a LUN that names no unit answers as one that is not there", async (t) => {
  const { host } = await rig();
  for (const options of [{ lun: 9 }, { wireLun: 0xc101_0000_0000_0000n }]) {
    t.is(senseName(await host.send(cdbOf(TestUnitReady), undefined, options)), "LOGICAL_UNIT_NOT_SUPPORTED");
    t.is(
      senseName(await host.send(cdbOf(ReportLuns, { allocationBytes: 64 }), undefined, options)),
      "LOGICAL_UNIT_NOT_SUPPORTED",
    );
    t.is((await host.send(cdbOf(Inquiry, { allocationBytes: 36 }), undefined, options)).dataIn?.[0], 0x7f);
  }
});

test("each nexus sees its own units under its own numbers, and one that appears later begins with power-on", async (t) => {
  const [red, blue] = [0x11, 0x22].map((fill) => {
    const device = new ScriptedDevice();
    device.bytes.fill(fill);
    return new LogicalUnit(device, IDENTITY);
  }) as [LogicalUnit, LogicalUnit];
  const masks = new Map<string, Map<number, LogicalUnit>>([
    ["red", new Map([[0, red]])],
    ["blue", new Map([[0, blue]])],
  ]);
  const inventory: LunInventory = {
    lookup: (nexus, lun) => masks.get(nexus.initiatorName)?.get(lun),
    list: (nexus) => [...(masks.get(nexus.initiatorName)?.keys() ?? [])],
  };
  const server = new BlockDeviceServer({ inventory });
  const hosts = ["red", "blue"].map((name) => new ScsiHost(server, name));
  const [redHost, blueHost] = hosts as [ScsiHost, ScsiHost];
  for (const host of hosts) await host.attentions();
  const firstByte = async (host: ScsiHost, lun: number) =>
    (await host.send(cdbOf(Read10, { blocks: 1 }), undefined, { lun })).dataIn?.[0];
  t.deepEqual([await firstByte(redHost, 0), await firstByte(blueHost, 0)], [0x11, 0x22]);

  masks.get("red")?.set(1, blue);
  await server.inventoryChanged(redHost.nexus);
  t.deepEqual(await redHost.attentions(0), ["06/3f/0e"]);
  t.deepEqual(await redHost.attentions(1), ["06/29/00"]);
  t.is(await firstByte(redHost, 1), 0x22);
});

test("a unit that is taken from a nexus loses the tasks of that nexus", async (t) => {
  const device = new ScriptedDevice();
  const unit = new LogicalUnit(device, IDENTITY);
  const units = new Map([[0, unit]]);
  const server = new BlockDeviceServer({
    inventory: { lookup: (_, lun) => units.get(lun), list: () => [...units.keys()] },
  });
  const host = new ScsiHost(server);
  await host.attentions();
  device.holding = true;
  const { answer } = host.start(cdbOf(Read10, { blocks: 1 }));
  units.clear();
  await server.inventoryChanged(host.nexus);
  t.is((await answer).kind, "aborted");
  t.is(senseName(await host.send(cdbOf(TestUnitReady))), "LOGICAL_UNIT_NOT_SUPPORTED");
  t.is(unit.tasks.size, 0);
});

test("an identity that INQUIRY data cannot hold is refused", (t) => {
  const device = new ScriptedDevice();
  for (const wrong of [
    { naa: "7001405aabbccdd0" },
    { naa: "xyz" },
    { vendor: "NINECHARS" },
    { serial: "é" },
    { revision: "12345" },
  ]) {
    t.throws(() => new LogicalUnit(device, { ...IDENTITY, ...wrong }), { instanceOf: RangeError });
  }
  t.notThrows(() => new LogicalUnit(device, { ...IDENTITY, naa: "5001405aabbccdd0" }));
});

const anyCdb = fc.oneof(
  fc.uint8Array({ minLength: 0, maxLength: 20 }),
  fc
    .tuple(fc.constantFrom(...commandTable.map(({ cdb }) => cdb)), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    .map(([layout, bytes]) => {
      const cdb = Buffer.from(bytes.subarray(0, layout.sizeBytes));
      cdb[0] = layout.opcode;
      if (layout.serviceAction !== undefined) cdb[1] = ((cdb[1] ?? 0) & 0xe0) | layout.serviceAction;
      cdb[layout.sizeBytes - 1] = 0;
      return cdb;
    }),
  // Addresses and lengths near the edges, where random bytes never come.
  fc
    .tuple(fc.constantFrom(...commandTable.map(({ cdb }) => cdb)), fc.nat(255), fc.nat(70), fc.nat(70))
    .map(([layout, options, lba, blocks]) => {
      const cdb = Buffer.alloc(layout.sizeBytes);
      cdb[0] = layout.opcode;
      cdb[1] = layout.serviceAction ?? options;
      const wide = layout.sizeBytes === 16;
      if (layout.sizeBytes >= 10) {
        cdb[wide ? 9 : 5] = lba;
        cdb[wide ? 13 : layout.sizeBytes === 12 ? 9 : 8] = blocks;
      } else {
        cdb[3] = lba;
        cdb[4] = blocks;
      }
      return cdb;
    }),
);

test("whatever the CDB and the data are, a result comes, and never an exception or memory that nobody wrote", async (t) => {
  const { host, device, bugs, unit, server } = await rig({ blocks: 64, removable: true });
  await fc.assert(
    fc.asyncProperty(anyCdb, fc.uint8Array({ maxLength: 2048 }), fc.nat(4), async (cdb, data, attribute) => {
      device.bytes.fill(0xa5);
      const result = await host.start(cdb, data, { attribute: attribute as 0, expectedOutBytes: data.length }).answer;
      t.is(result.kind, "done");
      if (result.kind !== "done") return;
      t.is(result.status === 2, result.sense !== undefined);
      t.true((result.dataIn?.length ?? 0) <= (result.dataInBytes ?? 0));
      t.true([0, 2, 4].includes(result.status));
      const reads = [0x08, 0x28, 0xa8, 0x88].includes(cdb[0] ?? 0);
      if (reads && result.dataIn) t.true(Buffer.from(result.dataIn).equals(Buffer.alloc(result.dataIn.length, 0xa5)));
      t.is(unit.tasks.size, 0);
      await server.logicalUnitReset(host.nexus, 0);
      unit.ejected = false;
      await host.attentions();
    }),
    { numRuns: 3000 },
  );
  t.deepEqual(bugs, []);
  await server.nexusEnds(host.nexus);
});

test("whatever is done between admit and execute, nothing is left in the task set", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ cdb: anyCdb, attribute: fc.nat(3), fate: fc.nat(4) }), { minLength: 1, maxLength: 12 }),
      async (steps) => {
        const { host, device, server, unit, bugs } = await rig({ blocks: 64 });
        device.holding = true;
        const answers: Promise<unknown>[] = [];
        for (const { cdb, attribute, fate } of steps) {
          const task = host.task(cdb, { attribute: attribute as 0 });
          const admission = server.admit(task);
          if (admission.kind === "done") continue;
          const execution = () => Promise.resolve(server.execute(task, [Buffer.alloc(admission.dataOutBytes)]));
          if (fate === 0) server.abandon(task);
          else if (fate === 1) answers.push(server.abortTask(task));
          else answers.push(execution());
          if (fate === 2) answers.push(server.abortTask(task));
          if (fate === 3) answers.push(server.clearTaskSet(host.nexus, 0));
        }
        device.release();
        await Promise.all(answers);
        t.is(unit.tasks.size, 0);
        t.deepEqual(bugs, []);
      },
    ),
    { numRuns: 500 },
  );
});
