/** `sanlab target` as a user starts it: a process in the foreground, told by its JSON line where it listens. */
import { createInterface } from "node:readline";
import { execa } from "execa";
import type { ServedDisk } from "./tgt.ts";

const BIN = new URL("../../provisioning/bin/sanlab.js", import.meta.url).pathname;

/**
 * Serves one LUN, named as in `--lun 0=SPEC` without the number: `disk.img,size=1GiB` or `mem,size=64MiB`.
 * @throws Error with what the target said where it ends before it listens.
 */
export async function startTarget(spec: string, options: readonly string[] = []): Promise<ServedDisk> {
  const name = "iqn.2026-11.example:target";
  const args = ["target", "--portal", "127.0.0.1:0", "--name", name, "--lun", `0=${spec}`, "--json", ...options];
  const target = execa(process.execPath, [BIN, ...args], { stdin: "ignore", reject: false, buffer: { stdout: false } });
  for await (const line of createInterface(target.stdout)) {
    const { portals } = JSON.parse(line) as { portals: [string] };
    return { url: `iscsi://${portals[0]}/${name}/0`, close: () => stop(target) };
  }
  throw new Error(`sanlab target ended: ${(await target).stderr}`);
}

async function stop(
  target: { kill(signal: "SIGTERM"): boolean } & PromiseLike<{ exitCode?: number; stderr: unknown }>,
) {
  target.kill("SIGTERM");
  const { exitCode, stderr } = await target;
  if (exitCode !== 0) throw new Error(`sanlab target ended with ${exitCode}: ${String(stderr)}`);
}
