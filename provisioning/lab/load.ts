import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ISCSI_DEVICES } from "@sanlab/vm/host-spec.ts";
import { normalFault } from "node-iscsi-target/injection/parse.ts";
import { duration } from "node-iscsi-target/injection/values.ts";
import { canonicalPath } from "../state/canonical-path.ts";
import { UserError } from "../user-error.ts";
import { LabDocument, pathText } from "./document.ts";
import { Draft, type DraftEntry } from "./draft.ts";
import { parseAdvertise, parseEndpoint } from "./endpoint.ts";
import { FILE_RULES } from "./file-rules.ts";
import {
  type AgentSpec,
  DEFAULT_DEVICE,
  type DiskSpec,
  INITIATORS,
  type Lab,
  type LabHost,
  type ListenSpec,
  type PoolSpec,
} from "./lab.ts";
import { type LabProblem, problemText } from "./problem.ts";
import { RULES, type Rule } from "./rules.ts";
import { schemaProblems } from "./schema-check.ts";
import { tablesOf } from "./table-rules.ts";

/** A lab file that is refused: all that is wrong with it, in the order of its lines. */
export class LabFileError extends UserError {
  readonly problems: readonly LabProblem[];

  /** `kind` is what the file was taken for. */
  constructor(file: string, problems: readonly LabProblem[], kind = "lab file") {
    const [first] = problems;
    const lines = problems.map((problem) => problemText(file, problem));
    const sentence =
      problems.length === 1 && first !== undefined
        ? problemText(file, first)
        : `The ${kind} ${file} has ${problems.length} errors and was refused as a whole:`;
    super("LAB_FILE", sentence, { details: problems.length === 1 ? [] : lines });
    this.problems = problems;
  }
}

/**
 * Reads and checks a lab file, YAML or JSON.
 * @throws {LabFileError} with every error in it.
 */
export async function loadLab(file: string): Promise<Lab> {
  const lab = parseLab(await readLabFile(file), file, [...RULES, ...FILE_RULES]);
  return { ...lab, pools: await Promise.all(lab.pools.map(withCanonicalPaths)) };
}

/** The controller knows a device by its one name, whichever links it was reached by. */
async function withCanonicalPaths(pool: PoolSpec): Promise<PoolSpec> {
  const devices = await Promise.all(
    pool.devices.map(async (device) => ({ ...device, path: await canonicalPath(device.path) })),
  );
  return { ...pool, devices };
}

/**
 * As `loadLab`, for text that is there already, without a look at the files that it names; `file` names it in errors and
 * is what paths are relative to.
 */
export function parseLab(text: string, file: string, rules: readonly Rule[] = RULES): Lab {
  const document = new LabDocument(text);
  const draft = new Draft(document.value, dirname(resolve(file)));
  const problems = document.value === undefined ? [...document.problems] : problemsOf(document, draft, rules);
  if (problems.length > 0) throw new LabFileError(file, distinct(problems));
  return labOf(draft, resolve(file));
}

function problemsOf(document: LabDocument, draft: Draft, rules: readonly Rule[]): LabProblem[] {
  const problems = [...document.problems, ...schemaProblems(document)];
  for (const rule of rules) {
    rule(draft, (path, found, expected) => {
      problems.push({ line: document.lineOf(path), at: pathText(path), found, expected });
    });
  }
  return problems;
}

/** By line, and one for each place where several rules say the same. */
export function distinct(problems: readonly LabProblem[]): LabProblem[] {
  const byText = new Map(problems.map((problem) => [problemText("", problem), problem]));
  return [...byText.values()].sort((a, b) => a.line - b.line);
}

export async function readLabFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? `${error.code}` : "";
    const reasons: Record<string, string> = {
      ENOENT: "is not there: write one, or let 'sanlab init' write an example",
      EISDIR: "is a directory: name the lab file in it",
      EACCES: "may not be read by this user",
    };
    const reason = reasons[code];
    if (reason === undefined) throw error;
    throw new UserError("LAB_FILE", `The lab file ${file} ${reason}.`, { cause: error });
  }
}

/** The checked draft as a lab: nothing in it can be missing any more. */
function labOf(draft: Draft, file: string): Lab {
  return {
    name: draft.name,
    file,
    pools: draft.entries("pools").map(
      (pool): PoolSpec => ({
        name: pool.name,
        segmentBytes: checked(draft.segmentBytes(pool)),
        queueWhenFullMs: pool.has("queue") ? checked(duration(checked(pool.text("queue")))) : 0,
        devices: pool.entries("devices").map((device) => ({
          path: checked(draft.devicePath(device)),
          ...(device.has("size") ? { sizeBytes: checked(device.size("size")) } : {}),
        })),
      }),
    ),
    disks: draft.entries("disks").map((disk) => diskOf(draft, disk)),
    agents: draft.entries("agents").map((agent) => agentOf(draft, agent)),
    listen: listenOf(draft),
    hosts: draft.entries("hosts").map((host) => hostOf(draft, host)),
    zones: draft.entries("zones").map((zone) => ({
      name: zone.name,
      hosts: zone.list("hosts").map(({ value }) => value),
      agents: zone.list("agents").map(({ value }) => value),
      disks: zone.list("disks").map(({ value }) => value),
      members: zone.list("members").map(({ value }) => value),
    })),
    aliases: draft.lists("aliases").map(({ name, items }) => ({ name, members: items.map(({ value }) => value) })),
    zoneSets: draft.lists("zoneSets").map(({ name, items }) => ({ name, zones: items.map(({ value }) => value) })),
    activeZoneSet: draft.activeZoneSet ?? null,
    faults: draft.texts("faults").map(({ name, text }) => ({ name, text: normalFault(text) })),
  };
}

function diskOf(draft: Draft, disk: DraftEntry): DiskSpec {
  return {
    name: disk.name,
    pool: checked(disk.text("pool")),
    sizeBytes: checked(disk.size("size")),
    thick: disk.flag("thick"),
    ...(disk.has("image") ? { image: checked(draft.imagePath(disk)) } : {}),
    ...(disk.has("tables") ? { tables: tablesOf(disk) } : {}),
  };
}

function listenOf({ listen }: Draft): ListenSpec | null {
  if (listen === undefined) return null;
  const names = listen.list("as").map(({ value }) => value);
  const { host, port } = checked(parseEndpoint(checked(listen.text("address"))));
  return { host, port, ...(names.length === 0 ? {} : { names }) };
}

function agentOf(draft: Draft, agent: DraftEntry): AgentSpec {
  const chap = agent.child("chap");
  const leaseMs = agent.has("lease") ? checked(duration(checked(agent.text("lease")))) : undefined;
  return {
    name: agent.name,
    portal: checked(draft.portal(agent)),
    ...(agent.has("advertise") ? { advertise: checked(parseAdvertise(checked(agent.text("advertise")))) } : {}),
    ...(agent.flag("remote") ? { remote: true as const } : {}),
    ...(leaseMs === undefined ? {} : { lease: { leaseMs } }),
    ...(chap === undefined
      ? {}
      : { chap: { user: checked(chap.text("user")), secretFile: checked(draft.filePath(chap, "secretFile")) } }),
  };
}

function hostOf(draft: Draft, host: DraftEntry): LabHost {
  const additions = draft.additions(host);
  return {
    name: host.name,
    iqn: checked(draft.iqn(host)),
    disks: host.list("disks").map(({ value }) => value),
    external: host.flag("external"),
    memoryMiB: checked(draft.memoryMiB(host)),
    initiator: INITIATORS.find((initiator) => initiator === host.text("initiator")) ?? "open-iscsi",
    nics: host.count("nics") ?? 1,
    device: ISCSI_DEVICES.find((device) => device === host.text("device")) ?? DEFAULT_DEVICE,
    ...(additions.length === 0 ? {} : { additions }),
    ...(host.has("image") ? { image: checked(draft.imagePath(host)) } : {}),
    ...(host.has("seed") ? { seed: checked(draft.filePath(host, "seed")) } : {}),
    guestAgent: host.flag("guestAgent") || !host.has("guestAgent"),
    patienceMs: draft.patienceMs(host),
  };
}

function checked<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("a lab file passed all checks and still lacks a value");
  return value;
}
