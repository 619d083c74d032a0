/** Issue "What it must withstand": garbage on an iSCSI port, beside a session that goes on. */

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import test, { type ExecutionContext } from "ava";
import { labOf, testLab } from "../helpers/lab.ts";
import { openDisk } from "../helpers/qemu-io.ts";

/** What strangers send, each over a connection of its own. */
const ATTACKS: Readonly<Record<string, () => Buffer>> = {
  "random bytes": () => randomBytes(64 * 1024),
  zeros: () => Buffer.alloc(64 * 1024),
  "an HTTP request": () => Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".padEnd(96)),
  "a login with a data segment of 16 MiB": () => loginHeader(0xff_ffff),
  "a SCSI command before login": () => {
    const header = Buffer.alloc(48);
    header[0] = 0x01;
    header[1] = 0x80;
    return header;
  },
  "half a header": () => Buffer.from([0x43, 0x87, 0, 0]),
  "a login that never says anything": () => loginHeader(512),
};

test("garbage on an agent's port is dropped within a bound, memory steady, other sessions unharmed", async (t) => {
  t.timeout(180_000);
  const lab = await testLab(t);
  await lab.up(labOf({ diskSize: "64MiB" }));
  const [agent] = await lab.agents();
  const disk = await openDisk(t, await lab.url("data", "a"), "iqn.2026-11.example:outside");
  await disk.write(0, 65536, 0x5a);
  const before = residentBytes(agent?.pid as number);

  for (let round = 0; round < 30; round += 1) {
    const answers = Object.values(ATTACKS).map((bytes) => send(t, agent?.portal as string, bytes()));
    await disk.expectPattern(0, 65536, 0x5a);
    if (round % 10 === 9) await Promise.all(answers);
  }

  await disk.write(4096, 4096, 0x77);
  await disk.expectPattern(4096, 4096, 0x77);
  const [after] = await lab.agents();
  t.is(after?.pid, agent?.pid, "the agent was never restarted");
  const grownMiB = (residentBytes(agent?.pid as number) - before) / 1024 / 1024;
  t.true(grownMiB < 64, `the agent's memory grew by ${grownMiB.toFixed(1)} MiB`);
});

/** RFC 7143 11.12, only as far as a stranger needs it. */
function loginHeader(dataSegmentBytes: number): Buffer {
  const header = Buffer.alloc(48);
  header[0] = 0x43;
  header[1] = 0x87;
  header.writeUIntBE(dataSegmentBytes, 5, 3);
  return header;
}

/** Resolves when the target has ended the connection; fails the test where that takes longer than its login time allows. */
function send(t: ExecutionContext, portal: string, bytes: Buffer): Promise<void> {
  const at = portal.lastIndexOf(":");
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: portal.slice(0, at), port: Number(portal.slice(at + 1)) }, () =>
      socket.write(bytes),
    );
    const bound = setTimeout(() => {
      t.fail("a connection that never logs in was still open after 60 s");
      socket.destroy();
    }, 60_000);
    socket.on("error", () => undefined);
    socket.resume();
    socket.on("close", () => {
      clearTimeout(bound);
      resolve();
    });
    t.teardown(() => socket.destroy());
  });
}

function residentBytes(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) * 1024;
}
