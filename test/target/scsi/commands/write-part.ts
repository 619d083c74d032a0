/** WRITE of less than whole blocks: with data that ends inside one, and of none. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { ScriptedDevice } from "../../../helpers/scripted-device.ts";
import { anotherHost, cdbOf, IDENTITY, rig, senseName } from "../../../helpers/scsi-host.ts";

test("a WRITE for which the host sends part of a block writes that part, and tells the whole length", async (t) => {
  const { host, device } = await rig();
  device.bytes.fill("a");
  const result = await host.send(cdbOf(cdbs.Write10, { lba: 1, blocks: 4, fua: 1 }), Buffer.alloc(512 + 200, "b"));
  t.is(senseName(result), "GOOD");
  t.is(result.dataOutBytes, 2048);
  const found = device.bytes.toString("latin1", 0, 4 * 512);
  t.is(found, "a".repeat(512) + "b".repeat(712) + "a".repeat(2048 - 512 - 712));
  t.deepEqual(
    device.ios.map(({ kind, fua }) => [kind, fua]),
    [
      ["read", false],
      ["write", true],
    ],
  );
});

test("nothing comes between the reading and the writing of a block of which a host writes part", async (t) => {
  const { host, device } = await rig();
  device.holding = true;
  const part = host.start(cdbOf(cdbs.Write10, { lba: 0, blocks: 1 }), Buffer.alloc(200, "b"));
  const whole = host.start(cdbOf(cdbs.Write10, { lba: 0, blocks: 1 }), Buffer.alloc(512, "c"));
  const beside = host.start(cdbOf(cdbs.Write10, { lba: 1, blocks: 1 }), Buffer.alloc(512, "d"));
  t.deepEqual(
    device.ios.map(({ kind, offset }) => [kind, offset]),
    [
      ["read", 0],
      ["write", 512],
    ],
  );
  device.release();
  for (const { answer } of [part, whole, beside]) t.is(senseName(await answer), "GOOD");
  t.is(device.bytes.toString("latin1", 0, 1024), "c".repeat(512) + "d".repeat(512));
});

test("a write-protected device has nothing against writing no blocks, and refuses all that would change one", async (t) => {
  const { host, device } = await rig({ readOnly: true });
  for (const cdb of [cdbs.Write10, cdbs.Write16, cdbs.OrWrite16, cdbs.WriteAndVerify10, cdbs.CompareAndWrite]) {
    t.is(senseName(await host.send(cdbOf(cdb, { blocks: 0 }), Buffer.alloc(0))), "GOOD", cdb.name);
    const data = Buffer.alloc(cdb === cdbs.CompareAndWrite ? 1024 : 512);
    t.is(senseName(await host.send(cdbOf(cdb, { blocks: 1 }), data)), "WRITE_PROTECTED", cdb.name);
  }
  for (const cdb of [cdbOf(cdbs.FormatUnit), cdbOf(cdbs.SanitizeBlockErase), cdbOf(cdbs.WriteSame16, { blocks: 1 })]) {
    t.is(senseName(await host.send(cdb, Buffer.alloc(cdb[0] === 0x93 ? 512 : 0))), "WRITE_PROTECTED");
  }
  t.deepEqual(
    device.ios.filter(({ kind }) => kind !== "read"),
    [],
  );
});

test("a WRITE of part of a block is refused where others could come between", async (t) => {
  const device = new ScriptedDevice();
  const unit = new LogicalUnit(device, IDENTITY, { servedElsewhere: true });
  const host = await anotherHost(new BlockDeviceServer({ inventory: new FixedInventory(new Map([[0, unit]])) }));
  const result = await host.send(cdbOf(cdbs.Write10, { lba: 0, blocks: 1 }), Buffer.alloc(200, "b"));
  t.is(senseName(result), "INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT");
  t.is(result.dataOutBytes, 512);
  t.deepEqual(device.ios, []);
});
