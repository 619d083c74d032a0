/** One seed, from an empty store to the last comparison. */

import { desired } from "@sanlab/controller/agents/publication.ts";
import { check } from "@sanlab/controller/check/check.ts";
import type { ControllerCore } from "@sanlab/controller/core.ts";
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, isPlain, type MappingTable, segmentOf } from "node-iscsi-target/mapping/mapping-table.ts";
import { Violation } from "../engine/violation.ts";
import { Administrator } from "../workload/administrator.ts";
import { Hosts } from "../workload/hosts.ts";
import { beginMischief } from "../workload/mischief.ts";
import { Registrars } from "../workload/registrars.ts";
import { Reservers } from "../workload/reservers.ts";
import { Lab } from "../world/lab.ts";
import type { SimProcess } from "../world/sim-agent.ts";

export interface Outcome {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** The same for the same seed and sources. */
  readonly hash: string;
  readonly trace: readonly string[];
  readonly commands: number;
  readonly simulatedMs: number;
}

export interface SimulateOptions {
  /** Lines of the trace to keep. */
  readonly lines?: number;
  readonly watch?: (line: string) => void;
}

/** The work takes as long as it takes, but not for ever. */
const WORK_LIMIT_MS = 120_000;
/** All that is held comes to an end within: an agent that does not come back, fenced, for each step of an operation. */
const SETTLE_LIMIT_MS = 300_000;

export async function simulate(seed: number, options: SimulateOptions = {}): Promise<Outcome> {
  const lab = new Lab(seed);
  lab.trace.watch = options.watch;
  const onBug = (error: unknown) => lab.bug("a promise that nobody waits for", error);
  process.on("unhandledRejection", onBug);
  let hosts: Hosts | undefined;
  try {
    hosts = await run(lab);
  } catch (error) {
    if (error instanceof Violation) lab.fail(error);
    else lab.bug("simulator", error);
  } finally {
    process.off("unhandledRejection", onBug);
  }
  const { trace, violation, scheduler } = lab;
  const commands = hosts?.done ?? 0;
  return {
    seed,
    violation,
    hash: trace.hash,
    trace: trace.last(options.lines ?? 60),
    commands,
    simulatedMs: scheduler.nowMs,
  };
}

async function run(lab: Lab): Promise<Hosts> {
  const failed = () => lab.violation !== undefined;
  lab.controller.start();
  await lab.scheduler.run(10_000, () => failed() || lab.controller.core !== undefined);
  const administrator = new Administrator(lab);
  const hosts = new Hosts(lab);
  const registrars = new Registrars(lab);
  const reservers = new Reservers(lab);
  await lab.scheduler.run(SETTLE_LIMIT_MS, () => failed() || administrator.isReady);
  beginMischief(lab);
  await lab.scheduler.run(WORK_LIMIT_MS, () => failed() || hosts.isIdle);
  lab.scheduler.note("mischief is over");
  lab.isMischiefOver = true;
  lab.store.crashAt = undefined;
  lab.endTroubles();
  for (const process of lab.processes.values()) if (process.isPaused) process.resume();
  const isQuiet = () =>
    hosts.isIdle && registrars.isIdle && reservers.isIdle && !administrator.isBusy && isWhole(lab) && !isMoving(lab);
  await lab.scheduler.run(SETTLE_LIMIT_MS, () => failed() || isQuiet());
  if (failed()) return hosts;
  if (!isQuiet())
    throw new Violation(
      "liveness",
      `${hosts.underWay + reservers.underWay} commands are still held${administrator.isBusy || isMoving(lab) ? ", and an operation" : ""}${isWhole(lab) ? "" : "; an agent is not back"}`,
    );
  await finished(lab, administrator.tidy(), "nothing is to fail any more, but that takes for ever");
  // What was begun in the background comes to its end.
  await lab.scheduler.run(30_000, failed);
  if (failed()) return hosts;
  // What was under way at the first may have failed since.
  await finished(lab, administrator.tidy(), "nothing is to fail any more, but that takes for ever");
  if (failed()) return hosts;
  await finished(lab, hosts.readAll(), "the last reads are held");
  if (failed()) return hosts;
  lab.model.checkInstants();
  await compare(lab);
  if (!failed()) registrars.compare();
  return hosts;
}

async function finished(lab: Lab, work: Promise<void>, otherwise: string): Promise<void> {
  let isDone = false;
  const done = () => {
    isDone = true;
  };
  lab.watch(work.then(done));
  const isOver = () => lab.violation !== undefined || isDone;
  await lab.scheduler.run(SETTLE_LIMIT_MS, isOver);
  if (!isOver()) throw new Violation("liveness", otherwise);
}

/** Segments are on their way to other places. */
function isMoving({ controller }: Lab): boolean {
  return controller.core?.records.operations.values().some(({ state }) => state === "running") ?? false;
}

/** Every agent runs, can be reached, and has a session. */
function isWhole(lab: Lab): boolean {
  const { controller, processes, config, scheduler } = lab;
  const core = controller.core;
  return (
    core !== undefined &&
    processes.size === config.agents &&
    [...processes.values()].every((process) => {
      const session = core.agents.session(process.core.options.name);
      const isReachable = process.connection !== undefined && lab.partitionedUntilMs(process) <= scheduler.nowMs;
      return isReachable && session?.connected === true && !session.fenced;
    })
  );
}

/** At rest the tables are consistent, nothing has leaked, and the agents have what the controller has (rules 9 and 10). */
async function compare(lab: Lab): Promise<void> {
  const core = lab.controller.core as ControllerCore;
  const { problems } = await check(lab.store.open(), core.records);
  if (problems.length > 0) throw new Violation("rule 9", problems.map(({ message }) => message).join(" "));
  const segments = core.records.devices.values().reduce((sum, device) => sum + device.segments - 1, 0);
  const free = lab.config.pools.reduce((sum, pool) => sum + core.space.freeIn(pool), 0);
  if (free + lab.durable.places !== segments)
    throw new Violation(
      "rule 10",
      `${lab.durable.places} of ${segments} segments are named by tables, but ${free} are free`,
    );
  for (const process of lab.processes.values()) {
    compareUnits(core, process);
    for (const [table, device] of process.core.tables) compareTable(lab, process, table, device.table);
  }
}

/** An agent presents what the records say, and nothing else. */
function compareUnits({ records }: ControllerCore, process: SimProcess): void {
  const items = desired(records, process.core.options.name, []);
  const wanted = [...items.values()].flatMap(({ add }) => (add.type === "publish_unit" ? [add.unit.id] : [])).sort();
  const there = [...process.units.keys()].sort();
  if (String(wanted) === String(there)) return;
  throw new Violation("units", `${process.name} is to present ${wanted.join(" ")}, and presents ${there.join(" ")}`);
}

/** What an agent has for known is as the controller has it; what takes writes there, takes them here. */
function compareTable(lab: Lab, process: SimProcess, table: string, copy: MappingTable): void {
  for (const segment of lab.touchedSegments(table)) {
    const word0 = copy.word0(segment);
    if (word0 & EntryState.INVALID) continue;
    const entry = lab.durable.entry(table, segment);
    const path = word0 & EntryState.ZERO ? undefined : process.paths.get(deviceOf(copy.word1(segment)));
    const isSame = path === entry?.path && (entry === undefined || segmentOf(word0) === entry.segment);
    if (isSame && (!isPlain(word0) || entry?.isPlain)) continue;
    const theirs = JSON.stringify(copy.entry(segment));
    throw new Violation(
      "rule 9",
      `${process.name} has segment ${segment} of ${table} as ${theirs}, the persistent table as ${JSON.stringify(entry)}`,
    );
  }
}
