import { DEFAULT_LEASE_MS } from "@sanlab/controller/agents/leases.ts";
import type { Agent, Disk, Host, Pool } from "@sanlab/controller/api/resources.ts";
import { rangeText } from "@sanlab/controller/views/ranges.ts";
import type { RunningLab } from "../api/running-lab.ts";
import { formatEndpoint } from "../lab/endpoint.ts";
import type { AgentSpec, DiskSpec, Lab, LabHost, PoolSpec } from "../lab/lab.ts";
import { formatSize } from "../lab/size.ts";

/** What the file wants otherwise than it is, and `up` never changes: each as a sentence that says what to do. */
export function conflicts(lab: Lab, running: RunningLab): string[] {
  if (running.name !== null && running.name !== lab.name) {
    return [
      `The state directory is that of lab '${running.name}', and the file describes lab '${lab.name}': name another one with --state.`,
    ];
  }
  return [
    ...each(lab.pools, running.pools, poolConflicts),
    ...each(lab.disks, running.disks, diskConflicts),
    ...each(lab.disks, running.disks, (wanted) => tableConflicts(wanted, running)),
    ...listenConflicts(lab.listen, running.listener),
    ...each(lab.agents, running.agents, agentConflicts),
    ...each(lab.hosts, running.hosts, hostConflicts),
    ...kindConflicts(lab, running),
  ];
}

function poolConflicts(wanted: PoolSpec, present: Pool): string[] {
  const reasons: string[] = [];
  if (wanted.segmentBytes !== present.segmentBytes) {
    reasons.push(
      `Pool '${wanted.name}' has segments of ${formatSize(present.segmentBytes)}, and the file says ${formatSize(wanted.segmentBytes)}: a pool's segments never change, so make another pool.`,
    );
  }
  if (wanted.queueWhenFullMs !== present.queueWhenFullMs) {
    reasons.push(
      `Pool '${wanted.name}' lets first writes wait ${present.queueWhenFullMs} ms for space, and the file says ${wanted.queueWhenFullMs} ms: that is set when a pool is made, so make another pool.`,
    );
  }
  for (const { path, sizeBytes } of wanted.devices) {
    const device = present.devices.find((candidate) => candidate.path === path);
    if (device === undefined || sizeBytes === undefined || device.sizeBytes === sizeBytes) continue;
    reasons.push(
      `Device ${path} of pool '${wanted.name}' has ${formatSize(device.sizeBytes)}, and the file says ${formatSize(sizeBytes)}: devices keep their size, so add another one to the pool.`,
    );
  }
  return reasons;
}

function diskConflicts(wanted: DiskSpec, present: Disk): string[] {
  const reasons: string[] = [];
  if (wanted.sizeBytes < present.sizeBytes) {
    reasons.push(
      `Disk '${wanted.name}' has ${formatSize(present.sizeBytes)}, and the file says ${formatSize(wanted.sizeBytes)}: disks are never shrunk, so write at least its size.`,
    );
  }
  if (wanted.pool !== present.pool) {
    reasons.push(
      `Disk '${wanted.name}' lies in pool '${present.pool}', and the file says '${wanted.pool}': write '${present.pool}' there, or, in the lab as it runs, move it with 'sanlab disk migrate ${wanted.name} --pool ${wanted.pool}'.`,
    );
  }
  if (wanted.thick !== present.thick) {
    const [is, says] = present.thick ? ["thick", "thin"] : ["thin", "thick"];
    reasons.push(`Disk '${wanted.name}' is ${is}, and the file says ${says}: make another disk.`);
  }
  return reasons;
}

/** Tables never change. */
function tableConflicts({ name: disk, tables = [] }: DiskSpec, running: RunningLab): string[] {
  return tables.flatMap(({ name, ranges }) => {
    const present = running.tables.find((table) => table.disk === disk && table.name === name);
    const wanted = ranges.map(rangeText).join(", ");
    if (present === undefined) return [];
    const is = present.ranges.map(rangeText).join(", ");
    if (is === wanted) return [];
    return [
      `Table '${name}' of disk '${disk}' has the segments ${is}, and the file says ${wanted}: a table never changes, so make another one.`,
    ];
  });
}

/** Agents elsewhere know the controller by what their join files say. */
function listenConflicts(wanted: Lab["listen"], present: RunningLab["listener"]): string[] {
  if (wanted === null || present === null) return [];
  const names = wanted.names ?? [wanted.host];
  const isSame = names.join(" ") === present.names.join(" ");
  if (isSame && (wanted.port === 0 || wanted.port === Number(new URL(present.url).port))) return [];
  const says = `${formatEndpoint(wanted)} as ${names.join(", ")}`;
  return [
    `The controller is reached by other machines at ${present.url} as ${present.names.join(", ")}, and the file says ${says}: change it with 'sanlab agent listen', or correct the file.`,
  ];
}

function agentConflicts(wanted: AgentSpec, present: Agent): string[] {
  if ((wanted.remote === true) !== present.elsewhere) {
    const where = (isElsewhere: boolean) => (isElsewhere ? "on another machine" : "on this machine");
    return [
      `Agent '${wanted.name}' runs ${where(present.elsewhere)}, and the file says ${where(!present.elsewhere)}: remove it with 'sanlab agent remove ${wanted.name}' and run 'sanlab up' again.`,
    ];
  }
  const lease = (ms: number | null) => (ms === null ? "without a lease" : `under leases of ${ms / 1000} s`);
  const wantedMs = wanted.lease?.leaseMs ?? (wanted.remote ? DEFAULT_LEASE_MS : null);
  if (wantedMs !== present.leaseMs) {
    return [
      `Agent '${wanted.name}' serves ${lease(present.leaseMs)}, and the file says ${lease(wantedMs)}: remove it with 'sanlab agent remove ${wanted.name}' and run 'sanlab up' again.`,
    ];
  }
  const { host, port } = present.configured;
  const isSamePortal = host === wanted.portal.host && port === wanted.portal.port;
  const chap = (of: AgentSpec["chap"] | null) =>
    of === undefined || of === null ? "no proof" : `${of.user} by ${of.secretFile}`;
  if (isSamePortal && chap(wanted.chap) !== chap(present.chap)) {
    return [
      `Agent '${wanted.name}' asks hosts for ${chap(present.chap)}, and the file says ${chap(wanted.chap)}: remove it with 'sanlab agent remove ${wanted.name}' and run 'sanlab up' again.`,
    ];
  }
  const isSameAdvertised = advertised(wanted.advertise) === advertised(present.advertise);
  if (isSamePortal && isSameAdvertised) return [];
  const [what, is, says] = isSamePortal
    ? ["advertises", advertised(present.advertise), advertised(wanted.advertise)]
    : ["was given the portal", formatEndpoint(present.configured), formatEndpoint(wanted.portal)];
  return [
    `Agent '${wanted.name}' ${what} ${is}, and the file says ${says}: remove it with 'sanlab agent remove ${wanted.name}' and run 'sanlab up' again.`,
  ];
}

function hostConflicts(wanted: LabHost, present: Host): string[] {
  if (wanted.iqn === present.iqn) return [];
  return [
    `Host '${wanted.name}' is known as ${present.iqn}, and the file says ${wanted.iqn}: give it another name, or delete it first by leaving it out and running 'sanlab up --prune'.`,
  ];
}

/** A guest of ours does not become somebody else's machine under the same name. */
function kindConflicts(lab: Lab, running: RunningLab): string[] {
  const guests = new Set(running.qemuHosts.map(({ record }) => record.name));
  return lab.hosts
    .filter(({ name, external }) => external && guests.has(name))
    .map(({ name }) => `Host '${name}' is a guest, and the file says it is external: give it another name.`);
}

function each<Wanted extends { readonly name: string }, Present extends { readonly name: string }>(
  wanted: readonly Wanted[],
  present: readonly Present[],
  compare: (wanted: Wanted, present: Present) => string[],
): string[] {
  return wanted.flatMap((thing) => {
    const counterpart = present.find(({ name }) => name === thing.name);
    return counterpart === undefined ? [] : compare(thing, counterpart);
  });
}

function advertised(setting: { readonly host: string; readonly port?: number } | null | undefined): string {
  if (setting === undefined || setting === null) return "nothing";
  return setting.port === undefined ? setting.host : formatEndpoint({ host: setting.host, port: setting.port });
}
