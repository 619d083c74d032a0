import { rm } from "node:fs/promises";
import { killHost } from "@sanlab/vm";
import { readQemuHosts } from "../api/running-lab.ts";
import { readHostRecords } from "../hosts/record.ts";
import { asOnlyOperation } from "../state/exclusive.ts";
import { readImages } from "../state/images.ts";
import { readLabRecord } from "../state/lab-record.ts";
import { hostRunDirectory } from "../state/layout.ts";
import { SupervisorClient } from "../supervisor/client.ts";
import { endProcess } from "../supervisor/daemon.ts";
import { markedProcesses } from "../supervisor/marked.ts";
import { stopRecordedHost } from "./host-steps.ts";

const STRAY_TIMEOUT_MS = 10_000;

export interface DownOptions {
  readonly state: string;
  /** Removes the state directory and the image files that were created for the lab. */
  readonly destroy?: boolean;
  readonly onBegin?: (activity: string) => void;
}

/** What `down` found and did. */
export interface DownResult {
  readonly wasRunning: boolean;
  readonly stoppedHosts: readonly string[];
  readonly removedImages: readonly string[];
}

/** Stops a lab in order: guests, agents, controller, supervisor. On a lab that is stopped nothing happens. */
export async function down(options: DownOptions): Promise<DownResult> {
  return asOnlyOperation(options.state, () => downWithin(options));
}

async function downWithin({ state, destroy, onBegin }: DownOptions): Promise<DownResult> {
  const say = onBegin ?? (() => {});
  const record = await readLabRecord(state);
  if (record === undefined) return { wasRunning: false, stoppedHosts: [], removedImages: [] };
  const supervisor = new SupervisorClient(state);
  const isSupervised = (await supervisor.status()) !== undefined;
  const strays = isSupervised ? [] : await markedProcesses(record.id);
  const hosts = (await readQemuHosts(state)).filter(({ isRunning }) => isRunning).map(({ record: { name } }) => name);
  const images = destroy === true ? await readImages(state) : [];

  if (hosts.length > 0) say(`stop the guests ${hosts.join(", ")}`);
  await Promise.all(hosts.map((host) => stopRecordedHost(state, host)));
  if (isSupervised) {
    say("stop the agents, the controller and the supervisor");
    await supervisor.stop();
  }
  // What an earlier supervisor left behind when it was killed; agents before their controller.
  const isController = (process: { daemon: string }) => process.daemon === "controller";
  await Promise.all(
    strays.filter((stray) => !isController(stray)).map(({ identity }) => endProcess(identity, STRAY_TIMEOUT_MS)),
  );
  await Promise.all(strays.filter(isController).map(({ identity }) => endProcess(identity, STRAY_TIMEOUT_MS)));
  if (destroy === true) {
    say("remove the state directory and the images that were created");
    await removeAll(state, images);
  }
  return {
    wasRunning: isSupervised || strays.length > 0 || hosts.length > 0,
    stoppedHosts: hosts,
    removedImages: images,
  };
}

async function removeAll(state: string, images: readonly string[]): Promise<void> {
  for (const { name } of await readHostRecords(state)) await killHost(hostRunDirectory(state, name));
  for (const image of images) await rm(image, { force: true });
  await rm(state, { recursive: true, force: true });
}
