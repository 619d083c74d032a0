/**
 * The process that serves a volatile tree at a directory: `node server.ts DIRECTORY`. It says "mounted",
 * and takes `cut SEED` on its standard input: power is lost then, and is back when it says what was lost.
 */
import { closeSync, read as readCall, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { Chance } from "../../simulation/engine/chance.ts";
import { decodeRequest, encodeAnswer, MAX_WRITE } from "./fuse-protocol.ts";
import { mount, unmount } from "./mount.ts";
import { answerTo } from "./requests.ts";
import { VolatileTree } from "./volatile-tree.ts";

const read = promisify(readCall);
const tree = new VolatileTree();
const directory = process.argv[2] as string;

/** Until it is unmounted. */
async function serve(channel: number): Promise<void> {
  const buffer = Buffer.alloc(MAX_WRITE + 4096);
  for (;;) {
    const bytes = await read(channel, buffer, 0, buffer.length, null).then(
      ({ bytesRead }) => bytesRead,
      (error: NodeJS.ErrnoException) => {
        // Unmounted, while nothing was asked or something was.
        if (error.code === "ENODEV" || error.code === "ECONNABORTED") return undefined;
        // A request that was interrupted before it was read.
        if (error.code === "ENOENT" || error.code === "EINTR" || error.code === "EAGAIN") return 0;
        throw error;
      },
    );
    if (bytes === undefined) return closeSync(channel);
    if (bytes > 0) answer(channel, buffer.subarray(0, bytes));
  }
}

function answer(channel: number, message: Buffer): void {
  const request = decodeRequest(message);
  const result = answerTo(tree, request);
  if (result === undefined) return;
  const [error, body] = typeof result === "number" ? [result, undefined] : [0, result];
  try {
    writeSync(channel, encodeAnswer(request.unique, error, body));
  } catch (failure) {
    // Whoever asked has been killed, or it is unmounted.
    const code = (failure as NodeJS.ErrnoException).code ?? "";
    if (!["ENOENT", "ENODEV", "ECONNABORTED"].includes(code)) throw failure;
  }
}

let served = serve(mount(directory));
console.log("mounted");
for await (const line of createInterface({ input: process.stdin })) {
  const [, seed] = /^cut (\d+)$/.exec(line) ?? [];
  if (seed === undefined) throw new Error(`What is '${line}'?`);
  await unmount(directory);
  await served;
  const losses = tree.cut(new Chance(Number(seed)));
  served = serve(mount(directory));
  console.log(JSON.stringify(losses));
}
await unmount(directory);
await served;
