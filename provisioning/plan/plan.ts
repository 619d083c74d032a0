import type { RunningLab } from "../api/running-lab.ts";
import { START_SETTINGS } from "../hosts/record.ts";
import type { Lab, LabHost, ZoneSpec } from "../lab/lab.ts";
import type { Declared } from "../state/lab-record.ts";
import { conflicts } from "./conflicts.ts";
import { declaredBy } from "./declared.ts";
import { pruneSteps } from "./prune.ts";
import type { Step, StepOf } from "./step.ts";

export interface Plan {
  /** In the order in which they are done: what can be undone first, then what cannot, deletions last. */
  readonly steps: readonly Step[];
  /** What is there and the file does not have any more: `--prune` deletes it. */
  readonly leftAlone: readonly Step[];
  /** Sentences about what the file asks for and `up` never does; with any of them nothing is done. */
  readonly conflicts: readonly string[];
}

export interface PlanOptions {
  readonly prune?: boolean;
}

/** The steps from the running lab to what its file says. Pure. */
export function planUp(lab: Lab, running: RunningLab, options: PlanOptions = {}): Plan {
  const reasons = conflicts(lab, running);
  if (reasons.length > 0) return { steps: [], leftAlone: [], conflicts: reasons };
  const gone = pruneSteps(lab, running);
  const steps = [
    ...foundation(lab, running),
    ...storage(lab, running),
    ...access(lab, running),
    ...guests(lab, running),
    record(lab, running.declared),
    ...growth(lab, running),
    ...faults(lab, running),
    // Only when all is deleted may the record forget what there was to delete.
    ...(options.prune === true ? [...gone, record(lab)] : []),
  ];
  return { steps, leftAlone: options.prune === true ? [] : gone, conflicts: [] };
}

/** Steps that keep no lab as it was: for the question whether `up` would change anything. */
export function isChange(step: Step): boolean {
  return step.kind !== "settle-host" && step.kind !== "prepare-image" && step.kind !== "record";
}

function foundation(lab: Lab, running: RunningLab): Step[] {
  return [
    ...(running.name === null ? [{ kind: "create-state", lab: lab.name } as const] : []),
    ...(running.isUp ? [] : [{ kind: "start-daemons" } as const]),
  ];
}

function storage(lab: Lab, running: RunningLab): Step[] {
  const disks = absent(lab.disks, running.disks);
  const thickIn = disks.filter(({ thick }) => thick).map(({ pool }) => pool);
  return [
    ...absent(lab.pools, running.pools).map((pool) => ({ kind: "create-pool", pool }) as const),
    // A thick disk may need the space at once; all else waits for what can be undone.
    ...newDevices(lab, running).filter(({ pool }) => thickIn.includes(pool)),
    ...disks.map((disk): Step => ({ kind: "create-disk", disk })),
    ...newTables(lab, running).filter((step) => !isOfGrowth(step, running)),
  ];
}

/** Tables that the running lab does not have yet. */
function newTables(lab: Lab, running: RunningLab): StepOf<"create-table">[] {
  return lab.disks.flatMap(({ name: disk, tables = [] }) => {
    const present = running.tables.filter((table) => table.disk === disk);
    return absent(tables, present).map((table) => ({ kind: "create-table", disk, table }) as const);
  });
}

/** Whether the table has segments that its disk gets by growing. */
function isOfGrowth({ disk, table }: StepOf<"create-table">, { disks }: RunningLab): boolean {
  const present = disks.find(({ name }) => name === disk);
  return present !== undefined && table.ranges.some(({ first, count }) => first + count > present.segments);
}

function access(lab: Lab, running: RunningLab): Step[] {
  return [
    ...(lab.listen !== null && running.listener === null ? [{ kind: "listen", listen: lab.listen } as const] : []),
    ...absent(lab.agents, running.agents).map((agent) => ({ kind: "add-agent", agent }) as const),
    ...absent(lab.hosts, running.hosts).map((host) => ({ kind: "add-host", host }) as const),
    // Through an agent, and before any host sees it.
    ...absent(lab.disks, running.disks).flatMap(({ name, image }): Step[] =>
      image === undefined ? [] : [{ kind: "fill-disk", disk: name, image }],
    ),
    // Zones before exports: a host sees a disk when its zone is there.
    ...changed(lab.aliases, running.aliases, "members").map((step) => ({
      kind: "set-alias" as const,
      alias: step.wanted,
      before: step.before,
    })),
    ...lab.zones.flatMap((zone) => zoneStep(zone, running.zones)),
    ...changed(lab.zoneSets, running.zoneSets, "zones").map((step) => ({
      kind: "set-zone-set" as const,
      zoneSet: step.wanted,
      before: step.before,
    })),
    ...activation(lab, running),
    ...newExports(lab, running).filter(({ disk }) => !grownTables(lab, running).has(disk)),
  ];
}

/** Disks, and tables of disks, that hosts of the running lab do not see yet. */
function newExports(lab: Lab, running: RunningLab): StepOf<"export-disk">[] {
  const exported = new Set(running.exports.map(({ host, disk }) => `${host}/${disk}`));
  return lab.hosts.flatMap(({ name: host, disks }) =>
    disks
      .filter((disk) => !exported.has(`${host}/${disk}`))
      .map((disk) => ({ kind: "export-disk", host, disk }) as const),
  );
}

/** New tables over what disks get by growing, as hosts name them. */
function grownTables(lab: Lab, running: RunningLab): ReadonlySet<string> {
  const tables = newTables(lab, running).filter((step) => isOfGrowth(step, running));
  return new Set(tables.map(({ disk, table }) => `${disk}/${table.name}`));
}

function activation({ activeZoneSet }: Lab, running: RunningLab): Step[] {
  if (activeZoneSet === null || activeZoneSet === running.activeZoneSet) return [];
  return [{ kind: "activate-zone-set", zoneSet: activeZoneSet, before: running.activeZoneSet }];
}

/** Those that are not there, or whose list is another. */
function changed<Key extends string, Spec extends { readonly name: string } & Readonly<Record<Key, readonly string[]>>>(
  wanted: readonly Spec[],
  present: readonly Spec[],
  key: Key,
): { wanted: Spec; before: Spec | null }[] {
  return wanted.flatMap((spec) => {
    const before = present.find(({ name }) => name === spec.name) ?? null;
    return before !== null && sameNames(spec[key], before[key]) ? [] : [{ wanted: spec, before }];
  });
}

function zoneStep(zone: ZoneSpec, present: RunningLab["zones"]): Step[] {
  const before = present.find(({ name }) => name === zone.name);
  if (before === undefined) return [{ kind: "set-zone", zone, before: null }];
  const isSame = (["hosts", "agents", "disks"] as const).every((key) => sameNames(zone[key], before[key]));
  const isWhole = isSame && sameNames(zone.members, before.members ?? []);
  return isWhole ? [] : [{ kind: "set-zone", zone, before: { ...before, members: before.members ?? [] } }];
}

/** What cannot be undone, so it comes when all else has succeeded; and what is made of it. */
function growth(lab: Lab, running: RunningLab): Step[] {
  const early = storage(lab, running).flatMap((step) => (step.kind === "grow-pool" ? [step.device.path] : []));
  const grown = lab.disks.flatMap((disk): StepOf<"resize-disk">[] => {
    const present = running.disks.find(({ name }) => name === disk.name);
    if (present === undefined || present.sizeBytes >= disk.sizeBytes) return [];
    return [{ kind: "resize-disk", disk: disk.name, sizeBytes: disk.sizeBytes, beforeBytes: present.sizeBytes }];
  });
  const tables = grownTables(lab, running);
  const changed = new Set([...grown.map(({ disk }) => disk), ...tables]);
  const affected = lab.hosts.filter((host) => !host.external && host.disks.some((disk) => changed.has(disk)));
  return [
    ...newDevices(lab, running).filter(({ device }) => !early.includes(device.path)),
    ...grown,
    ...newTables(lab, running).filter((step) => isOfGrowth(step, running)),
    ...newExports(lab, running).filter(({ disk }) => tables.has(disk)),
    ...affected.map((host): Step => ({ kind: "settle-host", host })),
  ];
}

/** Last, when every host sees its disks: a fault may be one that keeps it from that. */
function faults(lab: Lab, running: RunningLab): Step[] {
  return lab.faults.flatMap((fault): Step[] => {
    const before = running.faults.find(({ name }) => name === fault.name)?.text;
    return before === fault.text ? [] : [{ kind: "set-fault", fault, before: before ?? null }];
  });
}

/** Devices that a pool of the running lab does not have yet. */
function newDevices(lab: Lab, running: RunningLab): StepOf<"grow-pool">[] {
  return lab.pools.flatMap((pool) => {
    const present = running.pools.find(({ name }) => name === pool.name);
    if (present === undefined) return [];
    const fresh = pool.devices.filter(({ path }) => !present.devices.some((device) => device.path === path));
    return fresh.map((device) => ({ kind: "grow-pool", pool: pool.name, device }) as const);
  });
}

/** All guests are started before any is waited for: they boot side by side. */
function guests(lab: Lab, running: RunningLab): Step[] {
  const ours = lab.hosts.filter(({ external }) => !external);
  const present = new Map(running.qemuHosts.map((host) => [host.record.name, host]));
  const starting = ours.filter(({ name }) => present.get(name)?.isRunning !== true);
  const changed = ours.filter((host) => present.get(host.name)?.isRunning === true && hasChanged(host, running));
  return [
    ...changed.map((host) => ({ kind: "change-host", host }) as const),
    ...(starting.length > 0 ? [{ kind: "prepare-image", hosts: starting } as const] : []),
    ...starting.map((host) => ({ kind: "start-host", host }) as const),
    ...ours.map((host) => ({ kind: "settle-host", host }) as const),
  ];
}

function hasChanged(host: LabHost, running: RunningLab): boolean {
  const record = running.qemuHosts.find(({ record }) => record.name === host.name)?.record;
  return record !== undefined && START_SETTINGS.some((key) => String(record[key]) !== String(host[key]));
}

/** What is to be remembered of this file, and of earlier ones, so that a later --prune knows it. */
function record(lab: Lab, earlier?: Declared): Step {
  return { kind: "record", file: lab.file, declared: union(declaredBy(lab), earlier) };
}

function union(a: Declared, b: Declared | undefined): Declared {
  const both = (key: keyof Declared) => [...new Set([...(a[key] ?? []), ...(b?.[key] ?? [])])];
  return {
    pools: both("pools"),
    disks: both("disks"),
    agents: both("agents"),
    hosts: both("hosts"),
    zones: both("zones"),
    faults: both("faults"),
    aliases: both("aliases"),
    zoneSets: both("zoneSets"),
    tables: both("tables"),
    exports: both("exports"),
  };
}

function absent<Spec extends { readonly name: string }>(
  wanted: readonly Spec[],
  present: readonly { readonly name: string }[],
): Spec[] {
  return wanted.filter(({ name }) => !present.some((thing) => thing.name === name));
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}
