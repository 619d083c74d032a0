/** Persistent reservations with APTPL, over the wire and through an end of `sanlab target`. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { Bhs, ScsiResponsePdu } from "node-iscsi-target/iscsi/pdus.ts";
import { Read10, Register, Reserve, TestUnitReady } from "node-iscsi-target/scsi/cdb.ts";
import { ReserveOutList } from "node-iscsi-target/scsi/reservations/layouts.ts";
import { ReservationType } from "node-iscsi-target/scsi/reservations/state.ts";
import { Status } from "node-iscsi-target/scsi/transport.ts";
import { RawInitiator } from "../helpers/raw-initiator.ts";
import { cdbOf } from "../helpers/scsi-host.ts";
import { startTarget } from "../helpers/target-command.ts";

/** A host that is logged in and has taken its unit attention. */
async function host(t: ExecutionContext, url: string, name: string): Promise<RawInitiator> {
  const { hostname, port, pathname } = new URL(url.replace("iscsi:", "http:"));
  const initiator = await RawInitiator.connect(t, { host: hostname, port: Number(port) });
  const target = pathname.split("/")[1] as string;
  await initiator.login({ InitiatorName: `iqn.2026-11.example:${name}`, TargetName: target, SessionType: "Normal" });
  await status(initiator, cdbOf(TestUnitReady));
  return initiator;
}

/** The status of a command that reads nothing, with its data as immediate data. */
async function status(initiator: RawInitiator, cdb: Buffer, data?: Buffer): Promise<number> {
  initiator.command([...cdb], data ? { writeBytes: data.length } : {}, data);
  return ScsiResponsePdu.status.get((await initiator.receive()).header, 0);
}

/** Of a READ of one block: GOOD comes with the data. */
async function readStatus(initiator: RawInitiator): Promise<number> {
  initiator.command([...cdbOf(Read10, { blocks: 1 })], { readBytes: 512 });
  const { header } = await initiator.receive();
  return Bhs.opcode.get(header, 0) === Opcode.DATA_IN ? Status.GOOD : ScsiResponsePdu.status.get(header, 0);
}

test("a host's reservation with APTPL keeps others out after the target began anew, until the host gives it back", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-aptpl-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const spec = `${join(directory, "disk.img")},size=1MiB`;
  const before = await startTarget(spec);
  const first = await host(t, before.url, "first");
  const register = ReserveOutList.encode({ newKey: 0x1234n, persistent: 1 });
  t.is(await status(first, cdbOf(Register, { listBytes: register.length }), register), Status.GOOD);
  const list = ReserveOutList.encode({ key: 0x1234n });
  const type = ReservationType.EXCLUSIVE_ACCESS;
  t.is(await status(first, cdbOf(Reserve, { listBytes: list.length, type }), list), Status.GOOD);
  await before.close();

  const after = await startTarget(spec);
  t.teardown(() => after.close());
  const other = await host(t, after.url, "other");
  t.is(await readStatus(other), Status.RESERVATION_CONFLICT);
  const again = await host(t, after.url, "first");
  t.is(await readStatus(again), Status.GOOD);
  t.is(await status(again, cdbOf(Register, { listBytes: list.length }), list), Status.GOOD);
  t.is(await readStatus(other), Status.GOOD);
  t.deepEqual(await readdir(directory), ["disk.img"]);
});
