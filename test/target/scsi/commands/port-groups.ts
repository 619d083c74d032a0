/** SET TARGET PORT GROUPS on one path, seen on another. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { PortGroupDescriptor, SetGroupDescriptor } from "node-iscsi-target/scsi/parameter-data.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { ScriptedDevice } from "../../../helpers/scripted-device.ts";
import { cdbOf, IDENTITY, PORT, ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

const OTHER_PORT = { ...PORT, relativePortId: 8, portGroup: 4 };

/** One unit, and a host on a port of each of its two groups, 3 and 4. */
async function twoPaths() {
  const unit = new LogicalUnit(new ScriptedDevice(), IDENTITY);
  const inventory = new FixedInventory(new Map([[0, unit]]));
  const server = new BlockDeviceServer({ inventory, targetPorts: () => [PORT, OTHER_PORT] });
  const [a, b] = [new ScsiHost(server), new ScsiHost(server, undefined, OTHER_PORT)];
  await a.attentions();
  await b.attentions();
  return { a, b };
}

async function set(host: ScsiHost, portGroup: number, accessState: number): Promise<string> {
  const list = Buffer.concat([Buffer.alloc(4), SetGroupDescriptor.encode({ portGroup, accessState })]);
  return senseName(await host.send(cdbOf(cdbs.SetTargetPortGroups, { listBytes: list.length }), list));
}

async function states(host: ScsiHost): Promise<[group: number, state: number][]> {
  const { dataIn } = await host.send(cdbOf(cdbs.ReportTargetPortGroups, { allocationBytes: 255 }));
  const data = Buffer.from(dataIn ?? []);
  return [4, 16].map((at) => [
    PortGroupDescriptor.portGroup.get(data, at),
    PortGroupDescriptor.accessState.get(data, at),
  ]);
}

const read = async (host: ScsiHost) => senseName(await host.send(cdbOf(cdbs.Read10, { blocks: 1 })));
const ready = async (host: ScsiHost) => senseName(await host.send(cdbOf(cdbs.TestUnitReady)));

test("a group in standby answers TEST UNIT READY and reservations, but moves no data", async (t) => {
  const { a, b } = await twoPaths();
  t.is(await set(a, 4, 2), "GOOD");
  t.deepEqual(await b.attentions(), ["06/2a/06"]);
  t.deepEqual(await states(a), [
    [3, 0],
    [4, 2],
  ]);
  t.is(await read(b), "TARGET_PORT_IN_STANDBY_STATE");
  t.is(await ready(b), "GOOD");
  t.is(senseName(await b.send(cdbOf(cdbs.ReadKeys, { allocationBytes: 255 }))), "GOOD");
  t.is(await read(a), "GOOD");
  t.is(await set(b, 4, 1), "GOOD", "by the path that it is about");
  t.is(await read(b), "GOOD");
});

test("an unavailable group serves neither data nor TEST UNIT READY, but says what it is", async (t) => {
  const { a, b } = await twoPaths();
  await set(a, 4, 3);
  await b.attentions();
  t.is(await ready(b), "TARGET_PORT_IN_UNAVAILABLE_STATE");
  t.is(await read(b), "TARGET_PORT_IN_UNAVAILABLE_STATE");
  t.deepEqual(await states(b), await states(a));
});

test("states and groups that do not exist change nothing", async (t) => {
  const { a, b } = await twoPaths();
  t.is(await set(a, 99, 2), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await set(a, 4, 14), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(
    senseName(await a.send(cdbOf(cdbs.SetTargetPortGroups, { listBytes: 6 }), Buffer.alloc(6))),
    "PARAMETER_LIST_LENGTH_ERROR",
  );
  t.is(await set(a, 4, 0), "GOOD", "which it is already");
  t.deepEqual(await b.attentions(), []);
});
