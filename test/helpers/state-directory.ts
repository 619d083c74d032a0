import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLabRecord, type LabRecord } from "sanlab/state/lab-record.ts";
import { SupervisorClient } from "sanlab/supervisor/client.ts";
import { endProcess } from "sanlab/supervisor/daemon.ts";
import { markedProcesses } from "sanlab/supervisor/marked.ts";
import type { Owner } from "./guest.ts";

/** A directory of its own, gone when its owner ends. */
export async function temporaryDirectory(owner: Owner): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-state-"));
  owner.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export interface TestState {
  readonly state: string;
  readonly record: LabRecord;
  readonly supervisor: SupervisorClient;
}

/** A state directory with a long path and a supervisor; all its processes end with their owner. */
export async function supervisedState(owner: Owner): Promise<TestState> {
  const parent = await temporaryDirectory(owner);
  const state = join(parent, "a-directory-with-a-rather-long-name-".repeat(4));
  const record = await createLabRecord(state, "test");
  const supervisor = new SupervisorClient(state);
  owner.teardown(async () => {
    await supervisor.stop();
    for (const { identity } of await markedProcesses(record.id)) await endProcess(identity, 0);
  });
  await supervisor.start();
  return { state, record, supervisor };
}

/** The numbers of all live processes that have `text` in their environment: who was started by whom shows there. */
export async function processesWith(text: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      return environment.includes(text) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}
