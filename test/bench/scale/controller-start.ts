/** How long `sanlab controller` takes from its first system call until it answers. */
import { createInterface } from "node:readline";
import { execa } from "execa";
import { holding } from "../open-things.ts";

const BIN = new URL("../../../provisioning/bin/sanlab.js", import.meta.url).pathname;

/** Milliseconds; the controller has ended again when it resolves. */
export function controllerStart(state: string): Promise<number> {
  const began = performance.now();
  return holding(
    async () => started(state),
    async ({ controller }) => {
      let tookMs: number | undefined;
      for await (const line of createInterface(controller.stderr)) {
        if (!/ epoch \d+ of lab /.test(line)) continue;
        tookMs = performance.now() - began;
        controller.kill("SIGTERM");
      }
      await controller;
      if (tookMs === undefined) throw new Error(`sanlab controller did not begin to serve ${state}.`);
      return tookMs;
    },
  );
}

function started(state: string) {
  const controller = execa(process.execPath, [BIN, "controller", "--state", state], {
    stdin: "ignore",
    reject: false,
    buffer: { stderr: false },
  });
  const close = async () => {
    controller.kill("SIGTERM");
    await controller;
  };
  return { controller, close };
}
