import { access, constants, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import type { Pool } from "@sanlab/controller/api/resources.ts";
import { findProgram } from "@sanlab/vm/programs.ts";
import { errorCode } from "../errors.ts";
import { imageFacts } from "../images/qemu-img.ts";
import { assertFits } from "../images/transfer.ts";
import { formatEndpoint } from "../lab/endpoint.ts";
import { type AgentSpec, BUILT_IN, type DeviceSpec } from "../lab/lab.ts";
import type { Step, StepOf } from "../plan/step.ts";
import { UserError } from "../user-error.ts";

/** What can be known to fail is refused before anything is done. */
export async function preflight(steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (step.kind === "fill-disk" && step.image !== BUILT_IN) await checkImage(step, steps);
    if (step.kind === "create-pool") for (const device of step.pool.devices) await checkDevice(device, step.pool.name);
    if (step.kind === "grow-pool") await checkDevice(step.device, step.pool);
    if (step.kind === "add-agent" && !step.agent.remote) await checkPortal(step.agent);
    if (step.kind === "start-host") await findProgram("qemu-system-x86_64");
  }
}

async function checkImage({ disk: name, image }: StepOf<"fill-disk">, steps: readonly Step[]): Promise<void> {
  const { sizeBytes } = await imageFacts(image);
  const disk = steps.flatMap((step) => (step.kind === "create-disk" && step.disk.name === name ? [step.disk] : []))[0];
  if (disk !== undefined) assertFits(disk, { path: image, sizeBytes });
}

/** Devices that pools have already: one that is not where it was would be missed only by the first I/O to it. */
export async function checkPools(pools: readonly Pool[]): Promise<void> {
  for (const pool of pools) {
    for (const { path } of pool.devices) {
      if (await isThere(path)) continue;
      throw new UserError(
        "DEVICE",
        `The device ${path} of pool '${pool.name}' has vanished: put it back where it was, with what is on it, and try again.`,
      );
    }
  }
}

async function checkDevice({ path, sizeBytes }: DeviceSpec, pool: string): Promise<void> {
  if (await isThere(path)) return;
  if (sizeBytes === undefined) {
    throw new UserError(
      "DEVICE",
      `The device ${path} of pool '${pool}' is not there: give it a 'size' to have an image of that size created, or correct its path.`,
    );
  }
  try {
    await access(dirname(path), constants.W_OK);
  } catch (error) {
    if (errorCode(error) === "") throw error;
    throw new UserError(
      "DEVICE",
      `The image ${path} of pool '${pool}' cannot be created: ${dirname(path)} is not there or may not be written.`,
      {
        cause: error,
      },
    );
  }
}

const PORT_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use by another program: free it, or give the agent another port (0 takes any free one)",
  EADDRNOTAVAIL: "is no address of this machine: give the agent one that is, such as 127.0.0.1",
  EACCES: "may not be used by this user: give the agent a port above 1023",
};

/** A port may still be taken before the agent is there: this is for a sentence at once where it is taken already. */
export async function checkPortal({ name, portal }: AgentSpec): Promise<void> {
  const server = createServer();
  const code = await new Promise<string | undefined>((resolve) => {
    server.once("error", (error) => resolve(errorCode(error)));
    server.listen({ ...portal, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
  if (code === undefined) return;
  const reason = PORT_ERRORS[code] ?? `cannot be listened on (${code})`;
  throw new UserError("AGENT", `The portal ${formatEndpoint(portal)} of agent '${name}' ${reason}.`);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return false;
    throw error;
  }
}
