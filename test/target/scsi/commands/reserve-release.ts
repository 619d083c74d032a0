/** RESERVE and RELEASE: what one host does is seen in the commands of another. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { ReservationType } from "node-iscsi-target/scsi/reservations/state.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { reserveOut } from "../../../helpers/reservations.ts";
import { ScriptedDevice } from "../../../helpers/scripted-device.ts";
import { anotherHost, cdbOf, IDENTITY, rig, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

const CONFLICT = "status 24";
const send = async (host: ScsiHost, layout: Parameters<typeof cdbOf>[0]) => senseName(await host.send(cdbOf(layout)));

for (const [reserve, release] of [
  [cdbs.Reserve6, cdbs.Release6],
  [cdbs.Reserve10, cdbs.Release10],
] as const) {
  test(`${reserve.name} keeps others out until ${release.name} of the same host`, async (t) => {
    const { host: a, server } = await rig();
    const b = await anotherHost(server);
    t.is(await send(a, reserve), "GOOD");
    t.is(await send(a, reserve), "GOOD", "once more changes nothing");
    t.is(await send(b, reserve), CONFLICT);
    t.is(await send(b, cdbs.TestUnitReady), CONFLICT);
    t.is(senseName(await b.send(cdbOf(cdbs.Inquiry, { allocationBytes: 96 }))), "GOOD");
    t.is(await send(b, release), "GOOD", "which does nothing");
    t.is(await send(b, cdbs.TestUnitReady), CONFLICT);
    t.is(await send(a, release), "GOOD");
    t.is(await send(b, cdbs.TestUnitReady), "GOOD");
  });
}

test("the end of its nexus, and a reset of the unit, end what RESERVE made", async (t) => {
  const { host: a, server } = await rig();
  const b = await anotherHost(server);
  await send(a, cdbs.Reserve6);
  await server.nexusEnds(a.nexus);
  t.is(await send(b, cdbs.TestUnitReady), "GOOD");
  const c = await anotherHost(server);
  await send(c, cdbs.Reserve6);
  t.is(await server.logicalUnitReset(b.nexus, 0), "complete");
  t.deepEqual(await b.attentions(), ["06/29/03"]);
  t.is(await send(b, cdbs.TestUnitReady), "GOOD");
});

test("the two kinds of reservations are not mixed, and registrants need no RESERVE", async (t) => {
  const { host: a, server } = await rig();
  const b = await anotherHost(server);
  await send(a, cdbs.Reserve6);
  t.is(await reserveOut(a, cdbs.Register, { newKey: 1n }), CONFLICT);
  await send(a, cdbs.Release6);
  await reserveOut(a, cdbs.Register, { newKey: 1n });
  t.is(await send(b, cdbs.Reserve6), CONFLICT);
  await reserveOut(a, cdbs.Reserve, { key: 1n, type: ReservationType.WRITE_EXCLUSIVE });
  t.is(await send(a, cdbs.Reserve6), "GOOD");
  t.is(await send(b, cdbs.TestUnitReady), "GOOD", "it made no reservation of the old kind");
});

test("a unit that other servers serve as well does not pretend to have reservations", async (t) => {
  const unit = new LogicalUnit(new ScriptedDevice(), IDENTITY, { servedElsewhere: true });
  const server = new BlockDeviceServer({ inventory: new FixedInventory(new Map([[0, unit]])) });
  const host = await anotherHost(server);
  t.is(await reserveOut(host, cdbs.Register, { newKey: 1n }), "INVALID_COMMAND_OPERATION_CODE");
  t.is(await send(host, cdbs.Reserve6), "INVALID_COMMAND_OPERATION_CODE");
});
