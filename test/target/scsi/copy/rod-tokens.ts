/** How long a ROD token is valid, and what a host is told that uses one that is not. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import * as limits from "node-iscsi-target/scsi/copy/limits.ts";
import { RodToken } from "node-iscsi-target/scsi/copy/token-layouts.ts";
import { populate, tokenFor, write } from "../../../helpers/rod-tokens.ts";
import { anotherHost, cdbOf, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";
import { twoUnits } from "../../../helpers/two-units.ts";

test("a write to what a token stands for cancels it, one beside it does not", async (t) => {
  const { host, devices } = await twoUnits();
  const token = await tokenFor(host, [[8, 8]]);
  await host.send(cdbOf(cdbs.Write10, { lba: 16, blocks: 1 }), Buffer.alloc(512, 1));
  await host.send(cdbOf(cdbs.Read10, { lba: 8, blocks: 8 }));
  t.is(await write(host, token, [[0, 1]]), "GOOD");
  await host.send(cdbOf(cdbs.Write10, { lba: 15, blocks: 1 }), Buffer.alloc(512, 1));
  t.is(await write(host, token, [[1, 1]]), "TOKEN_CANCELLED");
  t.is(devices[1].ios.filter(({ kind }) => kind === "write").length, 1, "nothing was written");
});

for (const [what, change] of [
  ["WRITE SAME", (host: ScsiHost) => host.send(cdbOf(cdbs.WriteSame16, { lba: 0, blocks: 1, noDataOut: 1 }))],
  ["FORMAT UNIT", (host: ScsiHost) => host.send(cdbOf(cdbs.FormatUnit))],
  [
    "COMPARE AND WRITE",
    (host: ScsiHost) => host.send(cdbOf(cdbs.CompareAndWrite, { lba: 0, blocks: 1 }), Buffer.alloc(1024)),
  ],
  [
    "WRITE USING TOKEN",
    async (host: ScsiHost) => write(host, await tokenFor(host, [[500, 1]]), [[0, 1]], {}, { lun: 0 }),
  ],
] as const) {
  test(`${what} cancels tokens as well`, async (t) => {
    const { host } = await twoUnits();
    const token = await tokenFor(host, [[0, 8]]);
    await change(host);
    t.is(await write(host, token, [[0, 1]]), "TOKEN_CANCELLED");
  });
}

test("a token made while its blocks are being written is cancelled, and so is one that is being used", async (t) => {
  const { host, devices } = await twoUnits();
  devices[0].holding = true;
  const first = host.start(cdbOf(cdbs.Write10, { lba: 0, blocks: 1 }), Buffer.alloc(512, 1));
  const token = await tokenFor(host, [[0, 8]]);
  devices[0].release();
  await first.answer;
  t.is(await write(host, token, [[0, 1]]), "TOKEN_CANCELLED");

  const second = await tokenFor(host, [[0, 8]]);
  devices[0].holding = true;
  const writing = write(host, second, [[0, 1]]);
  const changed = host.start(cdbOf(cdbs.Write10, { lba: 0, blocks: 1 }), Buffer.alloc(512, 2));
  devices[0].release();
  t.is(await writing, "TOKEN_CANCELLED");
  t.is(senseName(await changed.answer), "GOOD");
  t.is(devices[1].ios.length, 0, "what may be of two points in time is not written");
});

test("a token expires when nobody uses it, each use makes it stay, and DEL_TKN deletes it", async (t) => {
  let nowS = 0;
  const { host } = await twoUnits({ now: () => nowS * 1000 });
  const token = await tokenFor(host, [[0, 8]], 10);
  const other = await tokenFor(host, [[0, 8]]);
  nowS = 9;
  t.is(await write(host, token, [[0, 1]]), "GOOD");
  nowS = 18;
  t.is(await write(host, token, [[0, 1]]), "GOOD");
  nowS = 29;
  t.is(await write(host, token, [[0, 1]]), "TOKEN_EXPIRED");
  nowS = 30 + limits.DEFAULT_INACTIVITY_S;
  t.is(await write(host, other, [[0, 1]]), "TOKEN_EXPIRED");
  const third = await tokenFor(host, [[0, 8]], limits.MAX_INACTIVITY_S);
  const fourth = await tokenFor(host, [[0, 8]], limits.MAX_INACTIVITY_S);
  t.is(await write(host, third, [[0, 1]], { deleteToken: 1 }), "GOOD");
  t.is(await write(host, third, [[0, 1]]), "TOKEN_DELETED");
  for (let used = 0; used < limits.TOKEN_LIFETIME_S; used += 500) {
    t.is(await write(host, fourth, [[0, 1]]), "GOOD");
    nowS += 500;
  }
  t.is(await write(host, fourth, [[0, 1]]), "TOKEN_EXPIRED", "no use makes it live longer than its lifetime");
});

test("what is no token of this target, or not as it was given out, has sense codes of its own", async (t) => {
  const { host, server } = await twoUnits();
  const token = await tokenFor(host, [[0, 8]]);
  const changed = (change: (copy: Buffer) => void): Buffer => {
    const copy = Buffer.from(token);
    change(copy);
    return copy;
  };
  const cases: readonly (readonly [string, (copy: Buffer) => void])[] = [
    ["INVALID_TOKEN_LENGTH", (copy) => RodToken.followingBytes.set(copy, 0, 0x1f0)],
    ["TOKEN_CORRUPT", (copy) => copy.fill(0, 16, 20)],
    ["UNSUPPORTED_TOKEN_TYPE", (copy) => RodToken.type.set(copy, 0, 0x0001_0000)],
    ["REMOTE_TOKEN_USAGE_NOT_SUPPORTED", (copy) => copy.fill(0x61, 140, 141)],
    ["TOKEN_UNKNOWN", (copy) => copy.fill(0, 500, 501)],
    ["TOKEN_UNKNOWN", (copy) => copy.fill(0xff, 8, 16)],
  ];
  for (const [name, change] of cases) t.is(await write(host, changed(change), [[0, 1]]), name);
  const elsewhere = await twoUnits();
  t.is(await write(elsewhere.host, token, [[0, 1]]), "TOKEN_UNKNOWN", "another target of the same name");
  const friend = await anotherHost(server);
  await friend.attentions(1);
  t.is(await write(friend, token, [[0, 1]]), "GOOD", "who was given a token may use it");
});

test("a token is revoked when the host that it was made for no longer sees the unit, and cancelled when that is resized", async (t) => {
  const hidden = new Set<number>();
  const { host, devices } = await twoUnits({ hidden });
  const token = await tokenFor(host, [[0, 8]]);
  hidden.add(0);
  t.is(await write(host, token, [[0, 1]]), "TOKEN_REVOKED");
  hidden.clear();
  t.is(await write(host, token, [[0, 1]]), "TOKEN_REVOKED", "for good");
  const other = await tokenFor(host, [[0, 8]]);
  devices[0].resize(2000);
  devices[0].resize(2048);
  t.is(await write(host, other, [[0, 1]]), "TOKEN_CANCELLED");
});

test("a host has so many valid tokens, and no more", async (t) => {
  const { host } = await twoUnits();
  for (let made = 0; made < limits.MAX_TOKENS_OF_ONE; made++) t.is(await populate(host, [[made, 1]]), "GOOD");
  t.is(await populate(host, [[1000, 1]]), "INSUFFICIENT_RESOURCES_TO_CREATE_ROD_TOKEN");
  await host.send(cdbOf(cdbs.Write10, { lba: 5, blocks: 1 }), Buffer.alloc(512));
  t.is(await populate(host, [[1000, 1]]), "GOOD", "one that was cancelled made room");
});
