import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VmError } from "@sanlab/vm";
import test, { type ExecutionContext } from "ava";
import { JsonChannel } from "../../vm/json-channel.ts";

/** A channel, and the other end of its socket. */
async function channelAndPeer(t: ExecutionContext): Promise<{ channel: JsonChannel; peer: Socket }> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-json-"));
  const path = join(directory, "socket");
  const server = createServer();
  const peer = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const channel = new JsonChannel(createConnection(path));
  t.teardown(async () => {
    channel.close();
    (await peer).destroy();
    server.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { channel, peer: await peer };
}

const soon = () => performance.now() + 5_000;

test("messages are put together from pieces, and taken apart from one", async (t) => {
  const { channel, peer } = await channelAndPeer(t);
  peer.write('{"return": ');
  peer.write('1}\r\n{"return": 2}\n{"retu');
  t.deepEqual(await channel.receive(soon()), { return: 1 });
  t.deepEqual(await channel.receive(soon()), { return: 2 });
  t.is(await channel.receive(performance.now() + 20), undefined);
  peer.write('rn": "ä"}\n');
  t.deepEqual(await channel.receive(soon()), { return: "ä" });
});

test("the rest of an answer to somebody else is dropped", async (t) => {
  const { channel, peer } = await channelAndPeer(t);
  peer.write(
    Buffer.concat([
      Buffer.from('"b64": "abc"}}'),
      Uint8Array.of(0xff),
      Buffer.from('{"return": 7}\nrest"}\n{"return": 8}\n'),
    ]),
  );
  t.deepEqual(await channel.receive(soon()), { return: 7 });
  t.deepEqual(await channel.receive(soon()), { return: 8 });
});

test("a connection that ends is an error for whoever waits, after all that came before", async (t) => {
  const { channel, peer } = await channelAndPeer(t);
  peer.end('{"return": 1}\n');
  t.deepEqual(await channel.receive(soon()), { return: 1 });
  const error = await t.throwsAsync(channel.receive(soon()), { instanceOf: VmError });
  t.is(error.code, "HOST_NOT_RUNNING");
});
