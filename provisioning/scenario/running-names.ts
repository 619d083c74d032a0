import { basename } from "node:path";
import type { ApiClient } from "../api/client.ts";
import { readRunningLab } from "../api/running-lab.ts";
import type { LabNames } from "../lab/fault-rule.ts";
import { readLabRecord } from "../state/lab-record.ts";
import { ExitCode, UserError } from "../user-error.ts";

/** The names of the lab that runs. @throws {UserError} NOT_RUNNING where none does. */
export async function runningNames(state: string, api: ApiClient): Promise<LabNames> {
  const record = await readLabRecord(state);
  if (record === undefined) {
    const sentence = `The scenario names no lab file, and there is no lab in ${state}: start one with 'sanlab up'.`;
    throw new UserError("NOT_RUNNING", sentence, { exitCode: ExitCode.NOT_RUNNING });
  }
  const lab = await readRunningLab(state, record, api);
  const names = (things: readonly { readonly name: string }[]) => things.map(({ name }) => name);
  return {
    disks: names(lab.disks),
    agents: names(lab.agents),
    hosts: names(lab.hosts),
    guests: lab.qemuHosts.map(({ record: { name } }) => name),
    pools: names(lab.pools),
    devices: lab.pools.flatMap(({ devices }) => devices.map(({ path }) => basename(path))),
    faults: names(lab.faults),
    shown: new Set(lab.exports.map(({ host, disk }) => `${host} ${disk}`)),
  };
}
