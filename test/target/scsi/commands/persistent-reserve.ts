/** Persistent reservations: what one host does is seen in the commands of another. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { CapabilitiesData } from "node-iscsi-target/scsi/reservations/layouts.ts";
import { ReservationType } from "node-iscsi-target/scsi/reservations/state.ts";
import {
  readFullStatus,
  readKeys,
  readReservation,
  registerAndMove,
  reserveOut,
} from "../../../helpers/reservations.ts";
import { anotherHost, cdbOf, rig, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

const CONFLICT = "status 24";
const { Register, RegisterAndIgnore, Reserve, Release, Clear, Preempt, PreemptAndAbort } = cdbs;

const read = async (host: ScsiHost) => senseName(await host.send(cdbOf(cdbs.Read10, { lba: 0, blocks: 1 })));
const write = async (host: ScsiHost) =>
  senseName(await host.send(cdbOf(cdbs.Write10, { lba: 0, blocks: 1 }), Buffer.alloc(512)));
const ready = async (host: ScsiHost) => senseName(await host.send(cdbOf(cdbs.TestUnitReady)));

/** Three hosts: A and B registered with keys 10 and 11, C not. */
async function registered() {
  const { host: a, server, device, unit } = await rig();
  const [b, c] = [await anotherHost(server), await anotherHost(server)];
  await reserveOut(a, Register, { newKey: 10n });
  await reserveOut(b, Register, { newKey: 11n });
  return { a, b, c, server, device, unit };
}

test("a host registers, changes its key with the right one, and unregisters", async (t) => {
  const { host } = await rig();
  t.is(await reserveOut(host, Register, { key: 1n, newKey: 5n }), CONFLICT, "an unregistered host has no key");
  t.is(await reserveOut(host, Register, { newKey: 5n }), "GOOD");
  t.deepEqual(await readKeys(host), { generation: 1, keys: [5n] });
  t.is(await reserveOut(host, Register, { newKey: 6n }), CONFLICT, "the key is not 0");
  t.is(await reserveOut(host, Register, { key: 5n, newKey: 6n }), "GOOD");
  t.is(await reserveOut(host, RegisterAndIgnore, { key: 99n, newKey: 7n }), "GOOD");
  t.deepEqual(await readKeys(host), { generation: 3, keys: [7n] });
  t.is(await reserveOut(host, Register, { key: 7n }), "GOOD");
  t.deepEqual((await readKeys(host)).keys, []);
});

test("a registration outlives its session, and a host that logs in again finds it", async (t) => {
  const { a, b, server } = await registered();
  await reserveOut(a, Reserve, { key: 10n, type: ReservationType.EXCLUSIVE_ACCESS });
  await server.nexusEnds(a.nexus);
  t.is(await read(b), CONFLICT);
  const again = await anotherHost(server);
  Object.assign(again.nexus, { initiatorPort: a.nexus.initiatorPort });
  await server.nexusEnds(again.nexus);
  server.nexusBegins(again.nexus);
  await again.attentions();
  t.is(await read(again), "GOOD");
});

/** What A (holder), B (registered) and C (not registered) may do: read and write. */
const MATRIX = {
  WRITE_EXCLUSIVE: ["rw", "r-", "r-"],
  EXCLUSIVE_ACCESS: ["rw", "--", "--"],
  WRITE_EXCLUSIVE_REGISTRANTS_ONLY: ["rw", "rw", "r-"],
  EXCLUSIVE_ACCESS_REGISTRANTS_ONLY: ["rw", "rw", "--"],
  WRITE_EXCLUSIVE_ALL_REGISTRANTS: ["rw", "rw", "r-"],
  EXCLUSIVE_ACCESS_ALL_REGISTRANTS: ["rw", "rw", "--"],
} as const;

for (const [name, rights] of Object.entries(MATRIX)) {
  test(`${name} lets holder, registrants and others do what SPC-4 table 65 says`, async (t) => {
    const { a, b, c } = await registered();
    const type = ReservationType[name as keyof typeof MATRIX];
    t.is(await reserveOut(a, Reserve, { key: 10n, type }), "GOOD");
    for (const [index, host] of [a, b, c].entries()) {
      t.is(await read(host), rights[index]?.[0] === "r" ? "GOOD" : CONFLICT, `read by host ${index}`);
      t.is(await write(host), rights[index]?.[1] === "w" ? "GOOD" : CONFLICT, `write by host ${index}`);
      t.is(await ready(host), "GOOD", `TEST UNIT READY by host ${index}`);
    }
    const allHold = name.endsWith("ALL_REGISTRANTS");
    t.deepEqual(await readReservation(c), { key: allHold ? 0n : 10n, type });
  });
}

test("only a registered host reserves, with its own key; another's reservation stands", async (t) => {
  const { a, b, c } = await registered();
  const type = ReservationType.WRITE_EXCLUSIVE;
  t.is(await reserveOut(c, Reserve, { key: 0n, type }), CONFLICT);
  t.is(await reserveOut(a, Reserve, { key: 11n, type }), CONFLICT);
  t.is(await reserveOut(a, Reserve, { key: 10n, type: 2 }), "INVALID_FIELD_IN_CDB");
  t.is(await reserveOut(a, Reserve, { key: 10n, type }), "GOOD");
  t.is(await reserveOut(a, Reserve, { key: 10n, type }), "GOOD", "once more changes nothing");
  t.is(await reserveOut(a, Reserve, { key: 10n, type: ReservationType.EXCLUSIVE_ACCESS }), CONFLICT);
  t.is(await reserveOut(b, Reserve, { key: 11n, type }), CONFLICT);
});

test("RELEASE wants holder and type, and tells the registrants of a type that they shared", async (t) => {
  const { a, b, c } = await registered();
  const type = ReservationType.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY;
  await reserveOut(a, Reserve, { key: 10n, type });
  t.is(await reserveOut(b, Release, { key: 11n, type }), "GOOD", "which does nothing");
  t.is(await read(c), CONFLICT);
  t.is(await reserveOut(a, Release, { key: 10n, type: 1 }), "INVALID_RELEASE_OF_PERSISTENT_RESERVATION");
  t.is(await reserveOut(a, Release, { key: 10n, type }), "GOOD");
  t.deepEqual(await b.attentions(), ["06/2a/04"]);
  t.deepEqual([await a.attentions(), await c.attentions()], [[], []]);
  t.is(await write(c), "GOOD");
});

test("a reservation ends with its holder's registration, one of all registrants with the last", async (t) => {
  const { a, b, c } = await registered();
  await reserveOut(a, Reserve, { key: 10n, type: ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY });
  await reserveOut(a, Register, { key: 10n });
  t.is(await readReservation(c), undefined);
  t.deepEqual(await b.attentions(), ["06/2a/04"]);
  await reserveOut(a, Register, { newKey: 10n });
  await reserveOut(a, Reserve, { key: 10n, type: ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS });
  await reserveOut(a, Register, { key: 10n });
  t.is(await write(c), CONFLICT, "B still holds it");
  await reserveOut(b, Register, { key: 11n });
  t.is(await write(c), "GOOD");
});

test("CLEAR takes everything from everybody, and tells the others", async (t) => {
  const { a, b, c } = await registered();
  await reserveOut(a, Reserve, { key: 10n, type: ReservationType.EXCLUSIVE_ACCESS });
  t.is(await reserveOut(c, Clear, { key: 0n }), CONFLICT);
  t.is(await reserveOut(b, Clear, { key: 11n }), "GOOD");
  t.deepEqual(await a.attentions(), ["06/2a/03"]);
  t.deepEqual(await readKeys(c), { generation: 3, keys: [] });
  t.is(await write(c), "GOOD");
});

test("PREEMPT with the holder's key takes the reservation and the registration", async (t) => {
  const { a, b, c } = await registered();
  await reserveOut(a, Reserve, { key: 10n, type: ReservationType.WRITE_EXCLUSIVE });
  const type = ReservationType.EXCLUSIVE_ACCESS;
  t.is(await reserveOut(b, Preempt, { key: 11n, newKey: 10n, type }), "GOOD");
  t.deepEqual(await a.attentions(), ["06/2a/05"]);
  t.is(await read(a), CONFLICT);
  t.is(await write(b), "GOOD");
  t.deepEqual(await readReservation(c), { key: 11n, type });
  t.deepEqual((await readKeys(c)).keys, [11n]);
});

test("PREEMPT with another key takes registrations only, and with none conflicts", async (t) => {
  const { a, b, c } = await registered();
  await reserveOut(a, Reserve, { key: 10n, type: ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY });
  t.is(await reserveOut(a, Preempt, { key: 10n, newKey: 99n }), CONFLICT);
  t.is(await reserveOut(a, Preempt, { key: 10n, newKey: 0n, type: 1 }), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await reserveOut(a, Preempt, { key: 10n, newKey: 11n }), "GOOD");
  t.deepEqual(await b.attentions(), ["06/2a/05"]);
  t.is(await write(b), CONFLICT);
  t.deepEqual((await readReservation(c))?.key, 10n);
});

test("PREEMPT with key 0 takes the unit from all registrants", async (t) => {
  const { a, b, c } = await registered();
  await reserveOut(a, Reserve, { key: 10n, type: ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS });
  const type = ReservationType.EXCLUSIVE_ACCESS;
  t.is(await reserveOut(b, Preempt, { key: 11n, newKey: 0n, type }), "GOOD");
  t.deepEqual(await a.attentions(), ["06/2a/05"]);
  t.deepEqual(await readReservation(c), { key: 11n, type });
  t.is(await read(a), CONFLICT);
});

test("PREEMPT AND ABORT ends the commands of those it preempts, and of nobody else", async (t) => {
  const { a, b, c, device } = await registered();
  await reserveOut(a, Reserve, { key: 10n, type: ReservationType.WRITE_EXCLUSIVE });
  device.holding = true;
  const preempted = a.start(cdbOf(cdbs.Write10, { lba: 0, blocks: 1 }), Buffer.alloc(512, 1));
  const bystander = c.start(cdbOf(cdbs.Read10, { lba: 8, blocks: 1 }));
  const ended = reserveOut(b, PreemptAndAbort, { key: 11n, newKey: 10n, type: ReservationType.WRITE_EXCLUSIVE });
  t.is((await preempted.answer).kind, "aborted");
  t.is(await ended, "GOOD");
  t.is(device.heldCount, 1);
  device.release();
  t.is((await bystander.answer).kind, "done");
  t.is(device.bytes[0], 0, "the write never happened");
});

test("SPEC_I_PT registers others by their names, all or none", async (t) => {
  const { host: a, server } = await rig();
  const b = await anotherHost(server);
  const broken = ["iqn.2026-01.net.example:x,i,0xnothing"];
  const ports = [b.nexus.initiatorPort, "iqn.2026-01.net.example:later,i,0x1"];
  t.is(await reserveOut(a, Register, { newKey: 7n, ports: [...ports, ...broken] }), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.deepEqual((await readKeys(a)).keys, []);
  t.is(await reserveOut(a, Register, { newKey: 7n, ports }), "GOOD");
  t.is(await reserveOut(b, Register, { key: 7n, newKey: 8n }), "GOOD", "it is registered");
  t.is(await reserveOut(a, Register, { key: 7n, newKey: 7n, ports }), "INVALID_FIELD_IN_PARAMETER_LIST");
  const status = (await readFullStatus(a)).map(({ port, key }) => [port?.split(":")[1], key]);
  t.deepEqual(new Map(status as [string, bigint][]).get("later,i,0x000000000001"), 7n);
});

test("REGISTER AND MOVE hands the reservation to another host", async (t) => {
  const { a, b, c } = await registered();
  const type = ReservationType.WRITE_EXCLUSIVE;
  const { initiatorPort: to, targetPort } = c.nexus;
  const fields = { key: 10n, newKey: 12n, to, relativePortId: targetPort.relativePortId };
  t.is(await registerAndMove(a, fields), CONFLICT, "there is nothing to move");
  await reserveOut(a, Reserve, { key: 10n, type });
  t.is(await registerAndMove(b, { ...fields, key: 11n }), CONFLICT, "B holds nothing");
  t.is(await registerAndMove(a, { ...fields, to: a.nexus.initiatorPort }), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await registerAndMove(a, { ...fields, relativePortId: 99 }), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await registerAndMove(a, { ...fields, unregister: true }), "GOOD");
  t.is(await write(c), "GOOD");
  t.is(await write(a), CONFLICT);
  const rows = (await readFullStatus(a)).map(({ key, type: held }) => [key, held]);
  t.deepEqual(rows, [
    [11n, 0],
    [12n, type],
  ] as [bigint, number][]);
});

test("REPORT CAPABILITIES says what there is: no APTPL without a place to keep it, and none is taken", async (t) => {
  const { host } = await rig();
  const { dataIn } = await host.send(cdbOf(cdbs.ReportCapabilities, { allocationBytes: 255 }));
  const told = CapabilitiesData.decode(dataIn as Uint8Array);
  t.like(told, {
    lengthBytes: 8,
    specifyPorts: 1,
    allTargetPorts: 1,
    persistCapable: 0,
    typeMaskValid: 1,
    typeMask: 0xea01,
  });
  t.is(await reserveOut(host, Register, { newKey: 1n, persistent: true }), "INVALID_FIELD_IN_PARAMETER_LIST");
});

test("a service action that does not exist is the field that is wrong", async (t) => {
  const { host } = await rig();
  const cdb = cdbOf(cdbs.ReadKeys, { allocationBytes: 255 });
  cdb[1] = 0x1f;
  const result = await host.send(cdb);
  t.is(senseName(result), "INVALID_FIELD_IN_CDB");
  t.deepEqual([...(result.sense as Uint8Array).subarray(15, 18)], [0xcc, 0, 1]);
});

test("a command that waited its turn meets the reservation made meanwhile", async (t) => {
  const { a, b, device } = await registered();
  device.holding = true;
  const ahead = b.start(cdbOf(cdbs.Read10, { lba: 0, blocks: 1 }), undefined, { attribute: 2 });
  const waiting = b.start(cdbOf(cdbs.Write10, { lba: 0, blocks: 1 }), Buffer.alloc(512));
  const reserved = a.start(
    Object.assign(cdbOf(cdbs.Reserve, { type: ReservationType.WRITE_EXCLUSIVE, listBytes: 24 })),
    Buffer.concat([Buffer.from("000000000000000a", "hex"), Buffer.alloc(16)]),
    { attribute: 3 },
  );
  t.is(senseName(await reserved.answer), "GOOD");
  device.release();
  t.is(senseName(await ahead.answer), "GOOD");
  t.is(senseName(await waiting.answer), CONFLICT);
});

test("a write that fails at the device while another host reserves tells of the failure: part of it may be there", async (t) => {
  const { b, c, device } = await registered();
  device.holding = true;
  device.deaf = true;
  device.script = ({ kind, offset }) => (kind === "write" ? { kind: "medium-error", offset } : undefined);
  const writing = write(c);
  const reserving = reserveOut(b, Reserve, { key: 11n, type: ReservationType.EXCLUSIVE_ACCESS });
  await new Promise((resolve) => setImmediate(resolve));
  device.release();
  t.is(await reserving, "GOOD");
  t.is(await writing, "WRITE_ERROR");
  t.is(await write(c), CONFLICT);
});
