/** Looks at a lab for what a scenario asks. */
import type { Agent, CheckReport, Disk, Fault, Pool } from "@sanlab/controller/api/resources.ts";
import { readQemuHosts } from "../api/running-lab.ts";
import { asUserError } from "../errors.ts";
import type { Check, CheckKind, CheckOf, Judgement, RowKind } from "./checks.ts";
import { CHECKSUM, LOAD_LOG, loadDirectory, READ_BLOCKS, SHOW_PATHS } from "./guest-scripts.ts";
import { judge, type Seen, type SeenOf, type SeenPath } from "./judge.ts";
import { accountOf, damagedBlocks } from "./load-account.ts";
import type { Condition } from "./scenario.ts";
import type { Site } from "./site.ts";

/** Whole disks are read. */
const READ_TIMEOUT_MS = 120_000;

/** Whether all of it holds now. What cannot be seen does not hold, and the reason is what was seen. */
export async function look(site: Site, condition: Condition): Promise<Judgement> {
  const judgements: Judgement[] = [];
  for (const check of condition) judgements.push(await lookAt(site, check));
  return { holds: judgements.every(({ holds }) => holds), saw: judgements.map(({ saw }) => saw).join("; ") };
}

async function lookAt(site: Site, check: Check): Promise<Judgement> {
  try {
    const observe = OBSERVERS[check.kind] as (site: Site, check: Check) => Promise<SeenOf<CheckKind>>;
    return judge<CheckKind>(check, await observe(site, check));
  } catch (error) {
    site.signal.throwIfAborted();
    const known = asUserError(error);
    if (known === undefined) throw error;
    return { holds: false, saw: known.message };
  }
}

const OBSERVERS: {
  readonly [Kind in CheckKind]: (site: Site, check: CheckOf<Kind>) => Promise<SeenOf<Kind>>;
} = {
  paths: async (site, { host, disk }) => {
    const text = await site.script(host, SHOW_PATHS, [await site.naaOf(disk)]);
    return text.split("\n").flatMap(pathOf);
  },
  load: seeLoad,
  command: async (site, check) => site.guest(check.host, await site.commandOf(check)),
  contents: async (site, { host, disk, like }) => {
    const other = "disk" in like ? await checksum(site, host, like.disk) : site.remembered.get(like.remembered);
    return { equal: (await checksum(site, host, disk)) === other };
  },
  consistent: async (site) => {
    const { problems } = await site.api.post<CheckReport>("/check");
    return { problems: problems.map(({ message }) => message) };
  },
  agent: row((site) => site.api.get<Agent[]>("/agents")),
  fault: row((site) => site.api.get<Fault[]>("/faults")),
  disk: row(async (site) => {
    const disks = await site.api.get<Disk[]>("/disks");
    return disks.map((disk) => ({ ...disk, size: disk.sizeBytes }));
  }),
  pool: row(async (site) => {
    const pools = await site.api.get<Pool[]>("/pools");
    return pools.map((pool) => ({ ...pool, freeSegments: pool.segments - pool.usedSegments }));
  }),
  controller: row(async (site) => {
    const daemons = (await site.supervisor.status())?.daemons ?? [];
    return daemons.filter(({ name }) => name === "controller").map((daemon) => ({ ...daemon, name: "" }));
  }),
  guest: row(async (site) => {
    const hosts = await readQemuHosts(site.state);
    const state = (isRunning: boolean, wanted: string) =>
      isRunning ? "running" : wanted === "running" ? "died" : "stopped";
    return hosts.map(({ record, isRunning }) => ({ name: record.name, state: state(isRunning, record.wanted) }));
  }),
};

/** Sets of rows with names: the one that is asked about. */
function row<Kind extends RowKind>(rows: (site: Site) => Promise<readonly { readonly name: string }[]>) {
  return async (site: Site, check: CheckOf<Kind>): Promise<SeenOf<Kind>> => {
    const { name } = check as CheckOf<RowKind>;
    return (await rows(site)).find((one) => one.name === name) as SeenOf<Kind>;
  };
}

async function seeLoad(site: Site, check: CheckOf<"load">): Promise<Seen["load"]> {
  const load = site.load(check.name);
  const text = await site.script(load.host, LOAD_LOG, [loadDirectory(load.name)]);
  const account = accountOf(text, check.since === null ? 0 : (site.marks.get(check.since) ?? 0));
  if (!check.intact) return { account, damaged: [] };
  const args = [await site.targetOf(load), String(load.blockBytes), String(load.blocks)];
  const words = await site.script(load.host, READ_BLOCKS, args, READ_TIMEOUT_MS);
  return { account, damaged: damagedBlocks(text, words.split("\n"), load.name, load.blocks) };
}

/** How many I/Os of a load have ended, in whatever way. */
export async function endedOf(site: Site, name: string): Promise<number> {
  const { done, errors } = accountOf(await site.script(site.load(name).host, LOAD_LOG, [loadDirectory(name)]));
  return done + errors;
}

export async function checksum(site: Site, host: string, disk: string): Promise<string> {
  return site.script(host, CHECKSUM, [await site.deviceOf(host, disk)], READ_TIMEOUT_MS);
}

/** "sda running LOGGED_IN active ready active/optimized" */
function pathOf(line: string): SeenPath[] {
  const [device, state = "", session = "", used = "", checker = "", access = "-"] = line.split(" ");
  if (device === undefined || device === "") return [];
  const isUp = state === "running" && (session === "LOGGED_IN" || session === "-");
  const isUsed = used === "-" || (used === "active" && checker === "ready");
  const words = [state, session, used, checker].filter((word) => word !== "-");
  return [{ device, active: isUp && isUsed, access, state: words.join(" ") }];
}
