/** APTPL: what hosts registered is there again after the target began anew. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { FileReservationStore } from "node-iscsi-target/scsi/reservations/file-store.ts";
import { Reservations } from "node-iscsi-target/scsi/reservations/reservations.ts";
import { ReservationType } from "node-iscsi-target/scsi/reservations/state.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { readFullStatus, readKeys, readReservation, reserveOut } from "../../../helpers/reservations.ts";
import { ScriptedDevice } from "../../../helpers/scripted-device.ts";
import { cdbOf, IDENTITY, ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

async function directoryOf(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "reservations-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The target as it begins: a unit with what the file holds, and two hosts that log in. */
async function started(path: string) {
  const reservations = await Reservations.open(await FileReservationStore.open(path));
  const unit = new LogicalUnit(new ScriptedDevice(), IDENTITY, { reservations });
  const server = new BlockDeviceServer({ inventory: new FixedInventory(new Map([[0, unit]])) });
  const hosts = ["iqn.2026-01.net.example:a", "iqn.2026-01.net.example:b"].map((name) => new ScsiHost(server, name));
  for (const host of hosts) await host.attentions();
  return hosts as [ScsiHost, ScsiHost];
}

test("with APTPL registrations and the reservation are there after a restart, and hold from the first command", async (t) => {
  const path = join(await directoryOf(t), "disk.reservations");
  const [a] = await started(path);
  t.is(await reserveOut(a, cdbs.Register, { newKey: 0xfedc_ba98_7654_3210n, persistent: true }), "GOOD");
  const type = ReservationType.EXCLUSIVE_ACCESS;
  t.is(await reserveOut(a, cdbs.Reserve, { key: 0xfedc_ba98_7654_3210n, type }), "GOOD");
  const [again, other] = await started(path);
  t.is(senseName(await other.send(cdbOf(cdbs.Read10, { blocks: 1 }))), "status 24");
  t.is(senseName(await again.send(cdbOf(cdbs.Read10, { blocks: 1 }))), "GOOD");
  t.deepEqual(await readKeys(other), { generation: 0, keys: [0xfedc_ba98_7654_3210n] });
  t.deepEqual(await readReservation(other), { key: 0xfedc_ba98_7654_3210n, type });
  t.is((await readFullStatus(other))[0]?.port, again.nexus.initiatorPort);
});

test("without APTPL a restart leaves nothing, and taking APTPL back removes the file", async (t) => {
  const directory = await directoryOf(t);
  const path = join(directory, "disk.reservations");
  const [a] = await started(path);
  await reserveOut(a, cdbs.Register, { newKey: 1n });
  t.deepEqual((await readKeys((await started(path))[0])).keys, []);
  await reserveOut(a, cdbs.Register, { key: 1n, newKey: 2n, persistent: true });
  t.deepEqual(await readdir(directory), ["disk.reservations"]);
  await reserveOut(a, cdbs.Register, { key: 2n, newKey: 3n });
  t.deepEqual(await readdir(directory), []);
});

test("a file that holds something else is refused in one sentence", async (t) => {
  const path = join(await directoryOf(t), "disk.reservations");
  for (const text of ["{", '{"version":2}', '{"version":1,"registrations":[{"key":"1"}]}']) {
    await writeFile(path, text);
    await t.throwsAsync(FileReservationStore.open(path), { message: /holds no reservations of this program .*\.$/ });
    t.is(await readFile(path, "utf8"), text, "it is left as it is");
  }
});
