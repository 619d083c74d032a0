import type { Agent, ExportPath } from "@sanlab/controller/api/resources.ts";
import { killHost, powerOff } from "@sanlab/vm";
import { prepareImages } from "../hosts/boot.ts";
import { type HostPath, usedPaths } from "../hosts/portals.ts";
import { type HostRecord, hostRecord, readHostRecord, writeHostRecord } from "../hosts/record.ts";
import { type HostSession, settleHost as settle } from "../hosts/sight.ts";
import { startQemuHost } from "../hosts/start.ts";
import type { StepOf } from "../plan/step.ts";
import { hostRunDirectory } from "../state/layout.ts";
import { UserError } from "../user-error.ts";
import type { ApplyContext } from "./context.ts";

/** For a guest to end its programs, unmount and log out. */
export const POWER_OFF_TIMEOUT_MS = 30_000;

export async function prepareImage({ hosts }: StepOf<"prepare-image">, context: ApplyContext): Promise<void> {
  for (const host of hosts) await prepareImages(host, context);
}

export async function startHost({ host }: StepOf<"start-host">, context: ApplyContext): Promise<void> {
  const before = await readHostRecord(context.state, host.name);
  await startRecordedHost(hostRecord(host, "running"), before, context);
}

/** Starts a host with the settings of `record`; `before` is what its file said until now. */
export async function startRecordedHost(
  record: HostRecord,
  before: HostRecord | undefined,
  context: ApplyContext,
): Promise<void> {
  const { state } = context;
  const paths = await hostPaths(record, context);
  context.undo.push(`stop host '${record.name}'`, async () => {
    // It has only just begun: there is nothing in it yet that an orderly end would save.
    await killHost(hostRunDirectory(state, record.name));
    if (before !== undefined) await writeHostRecord(state, before);
  });
  await writeHostRecord(state, record);
  await startQemuHost(state, record, paths, context);
}

export async function settleHost({ host }: StepOf<"settle-host">, context: ApplyContext): Promise<void> {
  const record = await readHostRecord(context.state, host.name);
  if (record === undefined) throw new UserError("HOST", `There is no QEMU host '${host.name}'.`);
  await settleRecordedHost(record, context);
}

export async function settleRecordedHost(record: HostRecord, context: ApplyContext): Promise<void> {
  const { api, state, signal } = context;
  const [paths, exports] = await Promise.all([hostPaths(record, context), api.get<ExportPath[]>("/exports")]);
  const shown = paths.flatMap(
    ({ disk }) => exports.find(({ host, unit }) => host === record.name && unit === disk) ?? [],
  );
  const units = new Map(shown.map(({ unit: name, naa, sizeBytes }) => [name, { name, naa, sizeBytes }]));
  const expected = [...units.values()];
  const sessions = () => api.get<readonly HostSession[]>("/sessions");
  await settle({ state, record, paths, disks: expected, sessions, signal });
}

export async function stopHost({ host }: StepOf<"stop-host">, context: ApplyContext): Promise<void> {
  await stopRecordedHost(context.state, host);
}

/** Cuts a host's power: nothing is unmounted, and what its caches held is gone. It stays off. */
export async function cutHostPower(state: string, host: string): Promise<void> {
  const record = await readHostRecord(state, host);
  if (record === undefined) {
    throw new UserError("HOST", `Host '${host}' is somebody else's machine: its power cannot be cut from here.`);
  }
  await writeHostRecord(state, { ...record, wanted: "stopped" });
  await killHost(hostRunDirectory(state, host));
}

/** Powers a host off in an orderly way, if its guest still can; it is not wanted to run any more. */
export async function stopRecordedHost(state: string, host: string): Promise<void> {
  const record = await readHostRecord(state, host);
  if (record !== undefined) await writeHostRecord(state, { ...record, wanted: "stopped" });
  await powerOff(hostRunDirectory(state, host), { timeoutMs: POWER_OFF_TIMEOUT_MS });
}

async function hostPaths(record: HostRecord, context: ApplyContext): Promise<HostPath[]> {
  const [exports, agents] = await Promise.all([
    context.api.get<ExportPath[]>("/exports"),
    context.api.get<Agent[]>("/agents"),
  ]);
  // One of another machine that has not joined, or is away, is not waited for.
  const present = agents.filter(({ elsewhere, state }) => !elsewhere || state === "connected");
  return usedPaths(record, exports, present);
}
