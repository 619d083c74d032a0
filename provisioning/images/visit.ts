/**
 * A program of ours at a disk, as a host of its own: let in under a name that nobody else has, through one agent, for as
 * long as it takes. Where that was cut short, the next operation on the lab takes it back (`forgetVisits`).
 */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Agent, ExportPath } from "@sanlab/controller/api/resources.ts";
import type { ApiClient } from "../api/client.ts";
import { deleteIfThere } from "../apply/remove.ts";
import { pathsOfHost } from "../hosts/portals.ts";
import { readSecret } from "../hosts/secret.ts";
import { readJson, writeJson } from "../state/json-file.ts";
import { UserError } from "../user-error.ts";
import type { ImageEnd } from "./qemu-img.ts";

export interface VisitedLab {
  readonly state: string;
  readonly api: ApiClient;
  /** Works on after an interrupt. */
  readonly undoApi: ApiClient;
}

/** What there is to take back. */
interface Visit {
  readonly visitor: string;
  /** The disk is being filled: half of it is worth nothing. */
  readonly deletesDisk?: string;
}

const PREFIX = "visit-";

/** Does `work` at the disk; `deletesDisk` says that the disk goes too where this process is killed meanwhile. */
export async function visitDisk<Result>(
  lab: VisitedLab,
  disk: string,
  { deletesDisk }: { readonly deletesDisk: boolean },
  work: (end: ImageEnd) => Promise<Result>,
): Promise<Result> {
  const agent = await connectedAgent(lab.api);
  const visitor = `${PREFIX}${randomBytes(6).toString("hex")}`;
  const iqn = `iqn.2026-11.io.sanlab:${visitor}`;
  const record = join(lab.state, `${visitor}.json`);
  const secrets = secretsOf(lab.state, visitor);
  await writeJson(record, { visitor, ...(deletesDisk ? { deletesDisk: disk } : {}) } satisfies Visit);
  try {
    await mkdir(secrets, { mode: 0o700 });
    await lab.api.post("/hosts", { name: visitor, iqn });
    await lab.api.post("/exports", { host: visitor, disk, lun: 0, agents: [agent.name] });
    await lab.api.post("/zones", {
      name: visitor,
      hosts: [visitor],
      agents: [agent.name],
      disks: [disk],
      standing: true,
    });
    return await work(await endOf(lab.api, visitor, agent, iqn, secrets));
  } finally {
    await rm(secrets, { recursive: true, force: true });
    await leave(lab.undoApi, visitor);
    await rm(record, { force: true });
  }
}

/** Takes back what visits left that were cut short. Only for who has the state directory's operations to itself. */
export async function forgetVisits({ state, undoApi }: VisitedLab): Promise<void> {
  const names = (await readdir(state)).filter((name) => name.startsWith(PREFIX) && name.endsWith(".json"));
  if (names.length === 0 || (await undoApi.getIfThere("/lab")) === undefined) return;
  for (const name of names) {
    const visit = await readJson<Visit>(join(state, name));
    if (visit !== undefined) {
      await rm(secretsOf(state, visit.visitor), { recursive: true, force: true });
      await leave(undoApi, visit.visitor);
      if (visit.deletesDisk !== undefined) await deleteIfThere(undoApi, `/disks/${visit.deletesDisk}`);
    }
    await rm(join(state, name), { force: true });
  }
}

/** In the state directory, so that what a killed visit leaves there is found again. */
function secretsOf(state: string, visitor: string): string {
  return join(state, `${visitor}.secrets`);
}

async function leave(api: ApiClient, visitor: string): Promise<void> {
  await deleteIfThere(api, `/zones/${visitor}`);
  await deleteIfThere(api, `/hosts/${visitor}`);
}

async function connectedAgent(api: ApiClient): Promise<Agent> {
  const agents = await api.get<Agent[]>("/agents");
  const agent = agents.find(({ state, problem }) => state === "connected" && problem === null);
  if (agent !== undefined) return agent;
  throw new UserError(
    "AGENT",
    "Contents go to a disk and come from it through an agent, and none is running: add one with 'sanlab agent add'.",
  );
}

async function endOf(api: ApiClient, visitor: string, agent: Agent, iqn: string, secrets: string): Promise<ImageEnd> {
  const [path] = pathsOfHost(visitor, await api.get<ExportPath[]>("/exports"), [agent], "machine");
  if (path === undefined)
    throw new UserError("AGENT", `Agent '${agent.name}' has no portal yet: try again when it has.`);
  const { portal, target, lun, chap } = path;
  if (chap === undefined) return { kind: "disk", portal, target, lun, iqn };
  const secretFile = join(secrets, "secret");
  await writeFile(secretFile, await readSecret(chap.secretFile), { mode: 0o600 });
  return { kind: "disk", portal, target, lun, iqn, chap: { user: chap.user, secretFile } };
}
