import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { BlockDeviceServer, FixedInventory, LogicalUnit } from "node-iscsi-target";
import { injections, type Sessions } from "../../helpers/injections.ts";
import type { RawInitiator } from "../../helpers/raw-initiator.ts";
import { ScriptedDevice } from "../../helpers/scripted-device.ts";
import { IDENTITY } from "../../helpers/scsi-host.ts";
import { serve } from "../../helpers/served-target.ts";

const READ_ONE_BLOCK = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];

function deviceServer(): BlockDeviceServer {
  const unit = new LogicalUnit(new ScriptedDevice(), IDENTITY);
  return new BlockDeviceServer({ inventory: new FixedInventory(new Map([[0, unit]])) });
}

/** Resolves when the connection is gone, by a reset too. */
async function cut({ socket }: RawInitiator): Promise<void> {
  socket.resume();
  while (!socket.closed) await delay(5);
}

test("a dropped connection is cut at the command, and the next session serves", async (t) => {
  const server = deviceServer();
  const { target, login, errors } = await serve(t, { server });
  server.injector = injections(["on op=read when first 1 do drop-connection"], { sessions: target as Sessions });
  const first = await login();
  first.command(READ_ONE_BLOCK, { readBytes: 512 });
  await cut(first);
  const second = await login();
  second.command(READ_ONE_BLOCK, { readBytes: 512 });
  t.is((await second.receive()).data.length, 512);
  t.deepEqual(errors, []);
});

for (const kind of ["HeaderDigest", "DataDigest"] as const) {
  test(`a damaged digest makes one answer's ${kind} wrong, and no other`, async (t) => {
    const server = deviceServer();
    const { target, login } = await serve(t, { server });
    const faults = injections(["on op=read when every 2 first 1 do damage-digest"], { sessions: target as Sessions });
    server.injector = faults;
    const initiator = await login({ [kind]: "CRC32C" });
    initiator.command(READ_ONE_BLOCK, { readBytes: 512 });
    t.is((await initiator.receive()).data.length, 512);
    initiator.command(READ_ONE_BLOCK, { readBytes: 512 });
    await t.throwsAsync(initiator.receive(), { message: /digest/ });
    t.deepEqual(faults.counters(), [{ name: "fault-1", matched: 2, fired: 1 }]);
  });
}

test("where a session has no digests, none is damaged, and the fault does not match", async (t) => {
  const server = deviceServer();
  const { target, login } = await serve(t, { server });
  const faults = injections(["do damage-digest"], { sessions: target as Sessions });
  server.injector = faults;
  const initiator = await login();
  initiator.command(READ_ONE_BLOCK, { readBytes: 512 });
  t.is((await initiator.receive()).data.length, 512);
  t.deepEqual(faults.counters(), [{ name: "fault-1", matched: 0, fired: 0 }]);
});

test("portals that are down cut their sessions and refuse connections, until they are up again at the same port", async (t) => {
  const { target, login, portal } = await serve(t);
  const initiator = await login();
  target.suspend();
  await cut(initiator);
  const refused = connect(portal.port, portal.host);
  const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
  t.is(error.code, "ECONNREFUSED");
  await target.resume();
  const again = await login();
  again.command(READ_ONE_BLOCK, { readBytes: 512 });
  t.is((await again.receive()).data.length, 512);
});
