/** How long `sanlab controller` takes from its first system call until it answers. */
import { createInterface } from "node:readline";
import { execa } from "execa";

const BIN = new URL("../../../provisioning/bin/sanlab.js", import.meta.url).pathname;

/** Milliseconds; the controller has ended again when it resolves. */
export async function controllerStart(state: string): Promise<number> {
  const began = performance.now();
  const controller = execa(process.execPath, [BIN, "controller", "--state", state], {
    stdin: "ignore",
    reject: false,
    buffer: { stderr: false },
  });
  let tookMs: number | undefined;
  for await (const line of createInterface(controller.stderr)) {
    if (!/ epoch \d+ of lab /.test(line)) continue;
    tookMs = performance.now() - began;
    controller.kill("SIGTERM");
  }
  await controller;
  if (tookMs === undefined) throw new Error(`sanlab controller did not begin to serve ${state}.`);
  return tookMs;
}
