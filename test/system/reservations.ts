/** Persistent reservations with APTPL, over the wire and through an end of `sanlab target`. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { Register, Reserve } from "node-iscsi-target/scsi/cdb.ts";
import { ReservationType } from "node-iscsi-target/scsi/reservations/state.ts";
import { Status } from "node-iscsi-target/scsi/transport.ts";
import { startTarget } from "../helpers/target-command.ts";
import { readStatus, reserveOutStatus, wireHost } from "../helpers/wire-host.ts";

test("a host's reservation with APTPL keeps others out after the target began anew, until the host gives it back", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-aptpl-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const spec = `${join(directory, "disk.img")},size=1MiB`;
  const before = await startTarget(spec);
  const first = await wireHost(t, before.url, "first");
  t.is(await reserveOutStatus(first, Register, { newKey: 0x1234n, persistent: true }), Status.GOOD);
  const type = ReservationType.EXCLUSIVE_ACCESS;
  t.is(await reserveOutStatus(first, Reserve, { key: 0x1234n, type }), Status.GOOD);
  await before.close();

  const after = await startTarget(spec);
  t.teardown(() => after.close());
  const other = await wireHost(t, after.url, "other");
  t.is(await readStatus(other), Status.RESERVATION_CONFLICT);
  const again = await wireHost(t, after.url, "first");
  t.is(await readStatus(again), Status.GOOD);
  t.is(await reserveOutStatus(again, Register, { key: 0x1234n }), Status.GOOD);
  t.is(await readStatus(other), Status.GOOD);
  t.deepEqual(await readdir(directory), ["disk.img"]);
});
