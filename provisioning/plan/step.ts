import { rangeText } from "@sanlab/controller/views/ranges.ts";
import { formatEndpoint } from "../lab/endpoint.ts";
import {
  type AgentSpec,
  type AliasSpec,
  BUILT_IN,
  type DeviceSpec,
  type DiskSpec,
  type FaultSpec,
  type LabHost,
  type ListenSpec,
  type PoolSpec,
  type TableSpec,
  type ZoneSetSpec,
  type ZoneSpec,
} from "../lab/lab.ts";
import { formatSize } from "../lab/size.ts";
import { parseUnit } from "../lab/unit-name.ts";
import type { Declared } from "../state/lab-record.ts";

/** What `up` does, in small pieces that can each fail and be undone. */
export type Step =
  | { readonly kind: "create-state"; readonly lab: string }
  | { readonly kind: "start-daemons" }
  | { readonly kind: "create-pool"; readonly pool: PoolSpec }
  | { readonly kind: "create-disk"; readonly disk: DiskSpec }
  | { readonly kind: "create-table"; readonly disk: string; readonly table: TableSpec }
  | { readonly kind: "fill-disk"; readonly disk: string; readonly image: string }
  | { readonly kind: "listen"; readonly listen: ListenSpec }
  | { readonly kind: "add-agent"; readonly agent: AgentSpec }
  | { readonly kind: "add-host"; readonly host: LabHost }
  | { readonly kind: "set-zone"; readonly zone: ZoneSpec; readonly before: ZoneSpec | null }
  | { readonly kind: "export-disk"; readonly host: string; readonly disk: string }
  | { readonly kind: "prepare-image"; readonly hosts: readonly LabHost[] }
  | { readonly kind: "start-host"; readonly host: LabHost }
  | { readonly kind: "settle-host"; readonly host: LabHost }
  | { readonly kind: "change-host"; readonly host: LabHost }
  | { readonly kind: "grow-pool"; readonly pool: string; readonly device: DeviceSpec }
  | { readonly kind: "resize-disk"; readonly disk: string; readonly sizeBytes: number; readonly beforeBytes: number }
  | { readonly kind: "set-alias"; readonly alias: AliasSpec; readonly before: AliasSpec | null }
  | { readonly kind: "set-zone-set"; readonly zoneSet: ZoneSetSpec; readonly before: ZoneSetSpec | null }
  | { readonly kind: "activate-zone-set"; readonly zoneSet: string; readonly before: string | null }
  | { readonly kind: "delete-alias"; readonly alias: string }
  | { readonly kind: "delete-zone-set"; readonly zoneSet: string }
  | { readonly kind: "set-fault"; readonly fault: FaultSpec; readonly before: string | null }
  | { readonly kind: "clear-fault"; readonly fault: string }
  | { readonly kind: "record"; readonly file: string; readonly declared: Declared }
  | { readonly kind: "unexport-disk"; readonly host: string; readonly disk: string }
  | { readonly kind: "stop-host"; readonly host: string }
  | { readonly kind: "delete-zone"; readonly zone: string }
  | { readonly kind: "delete-host"; readonly host: string }
  | { readonly kind: "remove-agent"; readonly agent: string }
  | { readonly kind: "delete-table"; readonly disk: string; readonly table: string }
  | { readonly kind: "delete-disk"; readonly disk: string }
  | { readonly kind: "delete-pool"; readonly pool: string };

export type StepKind = Step["kind"];
export type StepOf<Kind extends StepKind> = Extract<Step, { kind: Kind }>;

/** Each step in a sentence, in the imperative; empty for what changes nothing that people call the lab. */
const SENTENCES: { readonly [Kind in StepKind]: (step: StepOf<Kind>) => string } = {
  "create-state": ({ lab }) => `create the state directory of lab '${lab}'`,
  "start-daemons": () => "start the supervisor and the controller",
  "create-pool": ({ pool }) =>
    `create pool '${pool.name}' with segments of ${formatSize(pool.segmentBytes)} on ${pool.devices.map(deviceText).join(" and ")}`,
  "create-disk": ({ disk }) =>
    `create the ${disk.thick ? "thick" : "thin"} disk '${disk.name}' of ${formatSize(disk.sizeBytes)} in pool '${disk.pool}'`,
  "create-table": ({ disk, table }) =>
    `create table '${table.name}' of disk '${disk}': segments ${table.ranges.map(rangeText).join(", ")}`,
  "fill-disk": ({ disk, image }) => `fill disk '${disk}' with ${image === BUILT_IN ? "the guest's own system" : image}`,
  listen: ({ listen }) => `let agents of other machines reach the controller at ${formatEndpoint(listen)}`,
  "add-agent": ({ agent }) =>
    agent.remote
      ? `let agent '${agent.name}' of another machine join`
      : `start agent '${agent.name}' at ${portalText(agent)}`,
  "add-host": ({ host }) => `let in host '${host.name}' as ${host.iqn}`,
  "set-zone": ({ zone, before }) => `${before === null ? "create" : "change"} zone '${zone.name}': ${zoneText(zone)}`,
  "set-alias": ({ alias, before }) =>
    `${before === null ? "create" : "change"} alias '${alias.name}': ${alias.members.join(", ") || "nobody"}`,
  "set-zone-set": ({ zoneSet, before }) =>
    `${before === null ? "create" : "change"} zone set '${zoneSet.name}': ${zoneSet.zones.join(", ") || "no zones"}`,
  "activate-zone-set": ({ zoneSet }) => `switch to zone set '${zoneSet}'`,
  "delete-alias": ({ alias }) => `delete alias '${alias}'`,
  "delete-zone-set": ({ zoneSet }) => `delete zone set '${zoneSet}'`,
  "export-disk": ({ host, disk }) => `show ${shownText(disk)} to host '${host}'`,
  "prepare-image": () => "",
  "start-host": ({ host }) => `start the guest of host '${host.name}' (${hostText(host)})`,
  "settle-host": () => "",
  "change-host": ({ host }) => `give host '${host.name}' from its next start on: ${hostText(host)}`,
  "grow-pool": ({ pool, device }) => `add ${deviceText(device)} to pool '${pool}'`,
  "resize-disk": ({ disk, sizeBytes, beforeBytes }) =>
    `grow disk '${disk}' from ${formatSize(beforeBytes)} to ${formatSize(sizeBytes)}`,
  "set-fault": ({ fault, before }) => `${before === null ? "add" : "change"} fault '${fault.name}': ${fault.text}`,
  "clear-fault": ({ fault }) => `clear fault '${fault}'`,
  record: () => "",
  "unexport-disk": ({ host, disk }) => `no longer show ${shownText(disk)} to host '${host}'`,
  "stop-host": ({ host }) => `stop the guest of host '${host}'`,
  "delete-zone": ({ zone }) => `delete zone '${zone}'`,
  "delete-host": ({ host }) => `delete host '${host}'`,
  "remove-agent": ({ agent }) => `stop and remove agent '${agent}'`,
  "delete-table": ({ disk, table }) => `delete table '${table}' of disk '${disk}'`,
  "delete-disk": ({ disk }) => `delete disk '${disk}' with all its data`,
  "delete-pool": ({ pool }) => `delete pool '${pool}'`,
};

export function sentence(step: Step): string {
  const tell = SENTENCES[step.kind] as (step: Step) => string;
  return tell(step);
}

/** What the step does while it runs, for progress displays: also for steps that no plan lists. */
export function activity(step: Step): string {
  if (step.kind === "prepare-image") return "make sure of the guest image";
  if (step.kind === "settle-host") return `wait for host '${step.host.name}' to see its disks`;
  if (step.kind === "record") return "record what the lab file declares";
  return sentence(step);
}

function shownText(name: string): string {
  const { disk, table } = parseUnit(name);
  return table === undefined ? `disk '${disk}'` : `table '${table}' of disk '${disk}'`;
}

function hostText({ memoryMiB, initiator, nics, image }: LabHost): string {
  return [
    `${memoryMiB}MiB`,
    initiator,
    ...(nics === 1 ? [] : [`${nics} network cards`]),
    ...(image === undefined ? [] : [`image ${image}`]),
  ].join(", ");
}

function deviceText({ path, sizeBytes }: DeviceSpec): string {
  return sizeBytes === undefined ? path : `${path} (${formatSize(sizeBytes)})`;
}

function portalText({ portal }: AgentSpec): string {
  return portal.port === 0 ? `a free port of ${portal.host}` : formatEndpoint(portal);
}

function zoneText({ hosts, agents, disks, members }: ZoneSpec): string {
  const list = (what: string, names: readonly string[]) => `${what} ${names.length === 0 ? "none" : names.join(", ")}`;
  return [
    list("hosts", hosts),
    list("agents", agents),
    list("disks", disks),
    ...(members.length === 0 ? [] : [list("members", members)]),
  ].join("; ");
}
