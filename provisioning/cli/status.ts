import type { Agent, Disk, Pool } from "@sanlab/controller/api/resources.ts";
import { hostProcess } from "@sanlab/vm";
import { readHostRecords } from "../hosts/record.ts";
import { formatSize } from "../lab/size.ts";
import { readLabRecord } from "../state/lab-record.ts";
import { CONTROLLER_PROCESS, hostProcessName, hostRunDirectory } from "../state/layout.ts";
import { markedProcesses } from "../supervisor/marked.ts";
import { ExitCode, UserError } from "../user-error.ts";
import { table } from "./output.ts";
import type { VerbContext } from "./verb.ts";

/** A process of the lab; `pid` is null while it does not run. */
interface ProcessRow {
  readonly name: string;
  readonly kind: "controller" | "agent" | "host";
  readonly pid: number | null;
  readonly state: string;
  readonly restarts: number;
}

/** A supervisor that is held back (in a debugger, say) is not waited for longer. */
const SUPERVISOR_TIMEOUT_MS = 5_000;

export async function showStatus(context: VerbContext): Promise<number> {
  const record = await readLabRecord(context.state);
  if (record === undefined) throw notRunning(context.state);
  const supervisor = await context.supervisor.status(SUPERVISOR_TIMEOUT_MS);
  const hosts = await hostRows(context.state);
  const daemons = (supervisor?.daemons ?? []).map((daemon): ProcessRow => {
    const { name, pid, state, restarts } = daemon;
    return { name, kind: name === CONTROLLER_PROCESS ? "controller" : "agent", pid, state, restarts };
  });
  const processes = [...daemons, ...hosts];
  const tables = supervisor === undefined ? undefined : await tablesOf(context);
  const controller = daemons.find(({ kind }) => kind === "controller");
  const status = {
    lab: record.lab,
    file: record.file,
    stateDirectory: context.state,
    running: supervisor !== undefined,
    supervisor: { pid: supervisor?.pid ?? null },
    controller: { pid: controller?.pid ?? null, state: controllerState(controller, tables !== undefined) },
    processes,
    ...(tables ?? { pools: [], disks: [], agents: [] }),
  };
  await context.print(status, () => text(status, processes, tables));
  if (supervisor !== undefined) return ExitCode.DONE;
  const strays = await markedProcesses(record.id);
  const left = strays.length + hosts.filter(({ pid }) => pid !== null).length;
  if (left > 0)
    context.note(
      `The supervisor is not running and ${left} of its processes are: 'sanlab up' takes them over, 'sanlab down' ends them.`,
    );
  return ExitCode.NOT_RUNNING;
}

async function hostRows(state: string): Promise<ProcessRow[]> {
  const records = await readHostRecords(state);
  return Promise.all(
    records.map(async ({ name, wanted }): Promise<ProcessRow> => {
      const process = await hostProcess(hostRunDirectory(state, name));
      const hostState = process !== undefined ? "running" : wanted === "running" ? "died" : "stopped";
      return { name: hostProcessName(name), kind: "host", pid: process?.pid ?? null, state: hostState, restarts: 0 };
    }),
  );
}

interface Tables {
  readonly pools: readonly Pool[];
  readonly disks: readonly Disk[];
  readonly agents: readonly Agent[];
}

/** Undefined while the controller does not answer: it may be on its way up. */
async function tablesOf({ api }: VerbContext): Promise<Tables | undefined> {
  const [pools, disks, agents] = await Promise.all([
    api.getIfThere<Pool[]>("/pools"),
    api.getIfThere<Disk[]>("/disks"),
    api.getIfThere<Agent[]>("/agents"),
  ]);
  return pools === undefined || disks === undefined || agents === undefined ? undefined : { pools, disks, agents };
}

function controllerState(row: ProcessRow | undefined, answers: boolean): string {
  if (row === undefined) return "stopped";
  return row.state === "running" && !answers ? "starting" : row.state;
}

function text(
  status: { lab: string; running: boolean; supervisor: { pid: number | null } },
  processes: readonly ProcessRow[],
  tables: Tables | undefined,
): string {
  const parts = [
    status.running
      ? `Lab '${status.lab}' is running (supervisor ${status.supervisor.pid}).`
      : `Lab '${status.lab}' is not running.`,
  ];
  if (processes.length > 0) {
    parts.push(
      table(
        ["PROCESS", "PID", "STATE", "RESTARTS"],
        processes.map(({ name, pid, state, restarts }) => [name, pid ?? "-", state, restarts]),
      ),
    );
  }
  if (tables !== undefined) {
    parts.push(
      table(
        ["POOL", "SEGMENT", "SEGMENTS", "USED", "DEVICES"],
        tables.pools.map((pool) => [
          pool.name,
          formatSize(pool.segmentBytes),
          pool.segments,
          pool.usedSegments,
          pool.devices.length,
        ]),
      ),
      table(
        ["DISK", "SIZE", "POOL", "MAPPED"],
        tables.disks.map((disk) => [
          disk.name,
          formatSize(disk.sizeBytes),
          disk.pool,
          `${disk.mappedSegments} of ${disk.segments} segments`,
        ]),
      ),
      table(
        ["AGENT", "PORTAL", "STATE"],
        tables.agents.map((agent) => [agent.name, agent.portal, agent.problem ?? agent.state]),
      ),
    );
  }
  return parts.join("\n\n");
}

function notRunning(state: string): UserError {
  return new UserError(
    "NOT_RUNNING",
    `There is no lab in ${state}: start one with 'sanlab up', or name its state directory with --state.`,
    {
      exitCode: ExitCode.NOT_RUNNING,
    },
  );
}
