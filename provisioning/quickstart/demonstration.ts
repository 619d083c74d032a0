import { basename } from "node:path";
import type { Agent, Disk, ExportPath, MapRow, Pool } from "@sanlab/controller/api/resources.ts";
import { guestExec, rebootGuest } from "@sanlab/vm";
import type { ApiClient } from "../api/client.ts";
import { type HostPath, pathsOfHost } from "../hosts/portals.ts";
import { readHostRecord } from "../hosts/record.ts";
import { type HostSession, settleHost } from "../hosts/sight.ts";
import { pathLink } from "../hosts/sight-script.ts";
import { formatSize } from "../lab/size.ts";
import { hostRunDirectory } from "../state/layout.ts";
import { UserError } from "../user-error.ts";
import { MOUNT, SEE_DISK } from "./guest-scripts.ts";
import type { Scene } from "./scenes.ts";

const HOST = "web";
const DISK = "data";
const FILE = "/mnt/hello";
const FILE_BYTES = 3 * 1024 * 1024;
const REBOOT_TIMEOUT_MS = 60_000;

export interface Stage {
  readonly state: string;
  readonly api: ApiClient;
  readonly signal: AbortSignal;
}

/** What the quick start shows, in order. */
export function demonstrate(stage: Stage): Scene[] {
  const checksum = { written: "" };
  return [
    { title: "The pool and its devices", play: () => showPool(stage) },
    { title: "The thin disk", play: () => showDisk(stage) },
    { title: "The agents: iSCSI targets that present the disk", play: () => showAgents(stage) },
    { title: "The guest has logged in with its own open-iscsi and sees the disk", play: () => showSight(stage) },
    { title: "The guest writes a file and syncs it", play: (say) => writeFile(stage, checksum, say) },
    { title: "The guest is rebooted and reads it again", play: (say) => readAfterReboot(stage, checksum, say) },
    { title: "What is mapped now", play: () => showMap(stage) },
  ];
}

async function showPool({ api }: Stage): Promise<string[]> {
  const pools = await api.get<Pool[]>("/pools");
  return pools.flatMap((pool) => [
    `pool '${pool.name}': ${pool.segments} segments of ${formatSize(pool.segmentBytes)}, ${pool.usedSegments} of them used`,
    ...pool.devices.map(({ path, sizeBytes }) => `device ${basename(path)} (${formatSize(sizeBytes)}, sparse)`),
  ]);
}

async function showDisk({ api }: Stage): Promise<string[]> {
  const disk = await api.get<Disk>(`/disks/${DISK}`);
  return [
    `disk '${disk.name}': ${formatSize(disk.sizeBytes)} as its hosts see it, ${disk.mappedSegments} of ${disk.segments} segments take space`,
  ];
}

async function showAgents({ api }: Stage): Promise<string[]> {
  const agents = await api.get<Agent[]>("/agents");
  return agents.map(({ name, portal, target, pid }) => `agent '${name}' at ${portal} (process ${pid}): ${target}`);
}

async function showSight(stage: Stage): Promise<string[]> {
  return (await inGuest(stage, SEE_DISK)).split("\n");
}

async function writeFile(stage: Stage, checksum: { written: string }, say: (text: string) => void): Promise<string[]> {
  say("making an ext4 file system, where there is none yet");
  const mounted = await inGuest(stage, MOUNT);
  say(`writing ${formatSize(FILE_BYTES)} to ${FILE}`);
  const sum = await inGuest(stage, `head -c ${FILE_BYTES} /dev/urandom > ${FILE} && sync ${FILE} && sha256sum ${FILE}`);
  checksum.written = sum.split(" ")[0] ?? "";
  return [mounted, `${FILE}: ${formatSize(FILE_BYTES)}, SHA-256 ${checksum.written.slice(0, 16)}…, written and synced`];
}

async function readAfterReboot(
  stage: Stage,
  checksum: { written: string },
  say: (text: string) => void,
): Promise<string[]> {
  say("shutting the guest down and booting it again");
  await rebootGuest(hostRunDirectory(stage.state, HOST), { timeoutMs: REBOOT_TIMEOUT_MS });
  say("waiting for it to see the disk again");
  await settle(stage);
  await inGuest(stage, MOUNT);
  const sum = (await inGuest(stage, `sha256sum ${FILE}`)).split(" ")[0] ?? "";
  if (sum !== checksum.written) {
    const sentence = `After the reboot ${FILE} has the SHA-256 ${sum}, and ${checksum.written} was written: this is a fault of sanlab, please report it.`;
    throw new UserError("HOST", sentence);
  }
  return [`${FILE}: SHA-256 ${sum.slice(0, 16)}…, the same`];
}

async function showMap({ api }: Stage): Promise<string[]> {
  const [disk, rows, pools] = await Promise.all([
    api.get<Disk>(`/disks/${DISK}`),
    api.get<MapRow[]>(`/disks/${DISK}/map`),
    api.get<Pool[]>("/pools"),
  ]);
  const devices = pools.flatMap((pool) => pool.devices);
  const counts = devices.map(({ path }) => {
    const count = rows.filter((row) => row.device === path).length;
    return `${count} segments on ${basename(path)}`;
  });
  return [
    `${disk.mappedSegments} of ${disk.segments} segments of disk '${DISK}': ${counts.join(", ")}; the others read as zeros`,
  ];
}

async function settle(stage: Stage): Promise<void> {
  const record = await readHostRecord(stage.state, HOST);
  if (record === undefined) throw new UserError("HOST", `The lab has no guest '${HOST}'.`);
  const [paths, disks] = await Promise.all([diskPaths(stage), stage.api.get<Disk[]>("/disks")]);
  const expected = disks.filter(({ name }) => name === DISK);
  const sessions = () => stage.api.get<readonly HostSession[]>("/sessions");
  await settleHost({ state: stage.state, record, paths, disks: expected, sessions, signal: stage.signal });
}

/** Runs a script of `guest-scripts.ts` on the disk, and returns what it printed. */
async function inGuest(stage: Stage, script: string): Promise<string> {
  const [path] = await diskPaths(stage);
  if (path === undefined) throw new UserError("HOST", `Guest '${HOST}' is not shown disk '${DISK}'.`);
  const argv = ["sh", "-c", script, "sh", pathLink(path)];
  const { signal } = stage;
  const { exitCode, stdout, stderr } = await guestExec(hostRunDirectory(stage.state, HOST), argv, { signal });
  if (exitCode === 0) return stdout.trim();
  throw new UserError("HOST", `A command in guest '${HOST}' failed: look into it with 'sanlab host console ${HOST}'.`, {
    details: stderr.trim().split("\n"),
  });
}

async function diskPaths({ api }: Stage): Promise<HostPath[]> {
  const [exports, agents] = await Promise.all([api.get<ExportPath[]>("/exports"), api.get<Agent[]>("/agents")]);
  return pathsOfHost(HOST, exports, agents, { nics: 1 }).filter(({ disk }) => disk === DISK);
}
