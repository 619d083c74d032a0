import { stat } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { asUserError, errorCode } from "../errors.ts";
import type { Step, StepKind, StepOf } from "../plan/step.ts";
import { readLabRecord, writeLabRecord } from "../state/lab-record.ts";
import { UserError } from "../user-error.ts";
import { addHost, changeHost, deleteHost, deleteZone, exportDisk, setZone, unexportDisk } from "./access-steps.ts";
import type { ApplyContext } from "./context.ts";
import { addAgent, createState, removeAgent, startDaemons } from "./daemon-steps.ts";
import { activateZoneSet, deleteAlias, deleteZoneSet, setAlias, setZoneSet } from "./fabric-steps.ts";
import { clearFault, setFault } from "./fault-steps.ts";
import { prepareImage, settleHost, startHost, stopHost } from "./host-steps.ts";
import { openDoor } from "./remote-steps.ts";
import { createDisk, createPool, deleteDisk, deletePool, fillNewDisk, growPool, resizeDisk } from "./storage-steps.ts";
import { createTable, deleteTable } from "./table-steps.ts";

/** How each kind of step is done. Each registers how it is taken back before it begins what may end half done. */
const ACTIONS: { readonly [Kind in StepKind]: (step: StepOf<Kind>, context: ApplyContext) => Promise<void> } = {
  "create-state": createState,
  "start-daemons": startDaemons,
  "create-pool": createPool,
  "create-disk": createDisk,
  "create-table": createTable,
  "fill-disk": fillNewDisk,
  listen: openDoor,
  "add-agent": addAgent,
  "add-host": addHost,
  "set-zone": setZone,
  "export-disk": exportDisk,
  "prepare-image": prepareImage,
  "start-host": startHost,
  "settle-host": settleHost,
  "change-host": changeHost,
  "grow-pool": growPool,
  "resize-disk": resizeDisk,
  "set-alias": setAlias,
  "set-zone-set": setZoneSet,
  "activate-zone-set": activateZoneSet,
  "delete-alias": deleteAlias,
  "delete-zone-set": deleteZoneSet,
  "set-fault": setFault,
  "clear-fault": clearFault,
  record,
  "unexport-disk": unexportDisk,
  "stop-host": stopHost,
  "delete-zone": deleteZone,
  "delete-host": deleteHost,
  "remove-agent": removeAgent,
  "delete-table": deleteTable,
  "delete-disk": deleteDisk,
  "delete-pool": deletePool,
};

/** Deletions are not taken back: once the first has begun, what was done before stays as well. */
const DELETIONS: readonly StepKind[] = [
  ...([
    "clear-fault",
    "delete-alias",
    "delete-zone-set",
    "unexport-disk",
    "stop-host",
    "delete-zone",
    "delete-host",
    "remove-agent",
    "delete-table",
    "delete-disk",
    "delete-pool",
  ] as const),
];

export interface ApplyHooks {
  readonly onBegin?: (step: Step) => void;
  /** After the step has succeeded. What it throws counts as the step's failure, so a test can fail any step. */
  readonly onDone?: (step: Step) => void | Promise<void>;
}

/** Does the steps in order. The first that fails, or an interrupt, ends it; the caller takes back (`undone`). */
export async function applySteps(steps: readonly Step[], context: ApplyContext, hooks: ApplyHooks = {}): Promise<void> {
  for (const step of steps) {
    context.signal.throwIfAborted();
    if (DELETIONS.includes(step.kind)) context.undo.clear();
    hooks.onBegin?.(step);
    const action = ACTIONS[step.kind] as (step: Step, context: ApplyContext) => Promise<void>;
    await action(step, context);
    await hooks.onDone?.(step);
  }
  context.signal.throwIfAborted();
}

/** Takes back all that was done, and returns the error to tell of it: the first cause, and what could not be taken back. */
export async function undone(error: unknown, context: ApplyContext): Promise<unknown> {
  const told = await context.undo.undoAll();
  // With the state directory all is gone that anybody could mend.
  const failures = (await isGone(context.state)) ? [] : told;
  const cause = context.signal.aborted ? interrupted() : error;
  const known = asUserError(cause);
  if (known === undefined || failures.length === 0) return cause;
  return new UserError(known.code, known.message, {
    exitCode: known.exitCode,
    details: [...known.details, ...failures],
    cause,
  });
}

async function isGone(directory: string): Promise<boolean> {
  return stat(directory).then(
    () => false,
    (error: unknown) => errorCode(error) === "ENOENT",
  );
}

function interrupted(): UserError {
  return new UserError("INTERRUPTED", "Interrupted: what had been done was taken back.");
}

async function record({ file, declared }: StepOf<"record">, context: ApplyContext): Promise<void> {
  const before = await readLabRecord(context.state);
  if (before === undefined) throw new Error(`the record of ${context.state} is gone`);
  if (before.file === file && isDeepStrictEqual(before.declared, declared)) return;
  context.undo.push("restore the record of the lab file", () => writeLabRecord(context.state, before));
  await writeLabRecord(context.state, { ...before, file, declared });
}
