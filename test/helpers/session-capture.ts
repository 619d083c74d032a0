/** What initiators that are not ours say to a target, as they said it: one list of PDUs for each connection. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { execa } from "execa";
import type { Portal, Target } from "node-iscsi-target";
import { Bhs } from "node-iscsi-target/iscsi/pdus.ts";

/** Runs libiscsi's and QEMU's tools against the target, through a proxy that keeps what they send. */
export async function captureSessions(portal: Portal, target: Target): Promise<Buffer[][]> {
  const sessions: Buffer[][] = [];
  const proxy = createServer((client) => {
    const chunks: Buffer[] = [];
    const upstream = connect(portal.port, portal.host);
    client.on("data", (chunk: Buffer) => chunks.push(chunk));
    client.on("close", () => sessions.push(splitPdus(Buffer.concat(chunks))));
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on("error", () => to.destroy());
      from.pipe(to);
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const { port } = proxy.address() as AddressInfo;
  const url = `iscsi://127.0.0.1:${port}/${target.name}/0`;
  try {
    await execa("iscsi-inq", [url]);
    await execa("iscsi-readcapacity16", [url]);
    await execa("qemu-io", [
      "-f",
      "raw",
      "-c",
      "write -P 7 0 96k",
      "-c",
      "read 0 96k",
      "-c",
      "flush",
      "-c",
      "discard 0 64k",
      url,
    ]);
  } finally {
    proxy.close();
    await once(proxy, "close");
  }
  return sessions.filter((pdus) => pdus.length > 2);
}

function splitPdus(bytes: Buffer): Buffer[] {
  const pdus: Buffer[] = [];
  for (let at = 0; at + 48 <= bytes.length; ) {
    const data = Bhs.dataSegmentLength.get(bytes, at);
    const end = at + 48 + Bhs.totalAhsLength.get(bytes, at) * 4 + ((data + 3) & ~3);
    pdus.push(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  return pdus;
}
