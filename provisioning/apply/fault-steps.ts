import type { Fault } from "@sanlab/controller/api/resources.ts";
import { parseFault } from "node-iscsi-target/injection/parse.ts";
import type { ApiClient } from "../api/client.ts";
import { readHostRecord } from "../hosts/record.ts";
import { UserError } from "../user-error.ts";
import { cutHostPower } from "./host-steps.ts";

/** Adds a fault. A host's power is cut from here, since guests are processes of this machine and not the controller's. */
export async function addFaultWith(api: ApiClient, state: string, text: string, name?: string): Promise<Fault> {
  const { effect, on } = parseFault(text);
  const hosts = effect.kind === "power-cut" ? (on.host ?? []) : [];
  for (const host of hosts) {
    if ((await readHostRecord(state, host)) !== undefined) continue;
    throw new UserError("HOST", `Host '${host}' is no guest of this lab: its power cannot be cut from here.`);
  }
  const fault = await api.post<Fault>("/faults", { text, ...(name === undefined ? {} : { name }) });
  for (const host of hosts) await cutHostPower(state, host);
  return fault;
}
