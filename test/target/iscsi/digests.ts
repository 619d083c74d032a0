import { once } from "node:events";
import { connect, type Socket } from "node:net";
import test from "ava";
import { BlockDeviceServer, FixedInventory, Target } from "node-iscsi-target";
import { crc32c } from "node-iscsi-target/wire/crc32c.ts";

const TARGET = "iqn.2026-11.example:digests";
const COMBINATIONS = [
  { header: false, data: true },
  { header: true, data: true },
  { header: true, data: false },
  { header: false, data: false },
];

for (const { header, data } of COMBINATIONS) {
  test(`a session with HeaderDigest=${value(header)} and DataDigest=${value(data)} carries exactly these`, async (t) => {
    const server = new BlockDeviceServer({ inventory: new FixedInventory(new Map()) });
    const target = new Target({ name: TARGET, access: { authorize: () => true }, server });
    t.teardown(() => target.close());
    const { host, port } = await target.listen({ host: "127.0.0.1", port: 0 });
    const socket = connect(port, host);
    t.teardown(() => socket.destroy());
    await once(socket, "connect");

    socket.write(loginRequest(header, data));
    const login = await read(socket, 48);
    t.is(login.readUInt16BE(36), 0);
    await read(socket, (login.readUIntBE(5, 3) + 3) & ~3);

    socket.write(ping(Buffer.from("hello\0\0\0"), header, data));
    const answer = await read(socket, 48);
    t.is(answer[0], 0x20);
    if (header) t.is((await read(socket, 4)).readUInt32LE(0), crc32c([answer]));
    const echo = await read(socket, 8);
    t.is(echo.toString(), "hello\0\0\0");
    if (data) t.is((await read(socket, 4)).readUInt32LE(0), crc32c([echo]));
  });
}

function value(wanted: boolean): string {
  return wanted ? "CRC32C" : "None";
}

/** From the operational stage straight to full feature phase. */
function loginRequest(header: boolean, data: boolean): Buffer {
  const keys = {
    InitiatorName: "iqn.2026-11.example:host",
    TargetName: TARGET,
    HeaderDigest: value(header),
    DataDigest: value(data),
  };
  const text = Buffer.from(
    Object.entries(keys)
      .map(([key, what]) => `${key}=${what}\0`)
      .join(""),
  );
  const pdu = Buffer.alloc(48);
  pdu.writeUInt16BE(0x4387, 0);
  pdu.writeUIntBE(text.length, 5, 3);
  pdu.writeUInt32BE(1, 24);
  return Buffer.concat([pdu, text, Buffer.alloc(-text.length & 3)]);
}

/** A NOP-Out that wants its data back. */
function ping(payload: Buffer, header: boolean, data: boolean): Buffer {
  const pdu = Buffer.alloc(48);
  pdu.writeUInt16BE(0x4080, 0);
  pdu.writeUIntBE(payload.length, 5, 3);
  pdu.writeUInt32BE(7, 16);
  pdu.writeUInt32BE(0xffff_ffff, 20);
  pdu.writeUInt32BE(1, 24);
  return Buffer.concat([pdu, ...digest(header, pdu), payload, ...digest(data, payload)]);
}

function digest(wanted: boolean, bytes: Buffer): Buffer[] {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32c([bytes]), 0);
  return wanted ? [sum] : [];
}

/** Exactly so many bytes. */
async function read(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const got: Buffer | null = socket.read(bytes);
    if (got?.length === bytes) return got;
    await once(socket, "readable", { signal: AbortSignal.timeout(10_000) });
  }
}
