/** Mapped disks as logical units of the agent's target; hosts as its access list and LUN masks. */

import type { ChapCredentials } from "../iscsi/chap.ts";
import type { Portal, TargetAccess } from "../iscsi/target-options.ts";
import type { PortGroup, PublishedUnit, PublishHost, SetChap } from "../mapping/protocol.ts";
import { Attention } from "../scsi/attention.ts";
import { LogicalUnit } from "../scsi/logical-unit.ts";
import type { LunInventory } from "../scsi/server-context.ts";
import type { Nexus } from "../scsi/transport.ts";
import type { BlockDevice } from "../storage/block-device.ts";
import { NO_CHAP, readChap } from "./chap.ts";
import type { Publication } from "./core.ts";
import type { UnitReplica } from "./units/unit-replica.ts";

interface HostView {
  readonly luns: ReadonlyMap<number, string>;
  readonly agents: readonly string[];
  readonly advertise?: PublishHost["advertise"];
}

/** What publication needs of the target, which exists only after the first welcome. */
export interface Sessions {
  drop(initiator: string): Promise<void>;
  nexuses(initiator: string): readonly Nexus[];
  inventoryChanged(nexus: Nexus): Promise<void>;
  rows(): readonly object[];
}

const NOBODY: Sessions = {
  drop: async () => undefined,
  nexuses: () => [],
  inventoryChanged: async () => undefined,
  rows: () => [],
};

export class TargetPublication implements Publication, LunInventory, TargetAccess {
  readonly #units = new Map<string, LogicalUnit>();
  readonly #hosts = new Map<string, HostView>();
  /** What each host saw when it was told last. */
  readonly #seen = new Map<string, string>();
  /** What was looked up last, until anything of it can have changed: most commands come from where the one before did. */
  #latest: { readonly nexus: Nexus; readonly lun: number; readonly unit: LogicalUnit | undefined } | undefined;
  #credentials: ChapCredentials | undefined;
  /** What every host is told, where its own setting says nothing. */
  portalAdvertise: PublishHost["advertise"];
  sessionsOf: Sessions = NOBODY;
  #ownPortGroup = 0;
  #groups: readonly PortGroup[] = [];
  #isServing = true;
  #lost: ReadonlySet<number> = new Set();

  publishUnit(unit: PublishedUnit, device: BlockDevice, keeper: UnitReplica): void {
    const identity = { naa: unit.naa, serial: unit.serial, vendor: "SANLAB", product: "VIRTUAL DISK", revision: "1" };
    const options = { servedElsewhere: true, keeper };
    const logicalUnit = new LogicalUnit(device, { ...identity, readOnly: unit.readOnly }, options);
    keeper.attach(logicalUnit);
    logicalUnit.accessStates.setLost(this.#lost, this.#ownPortGroup);
    this.#units.set(unit.id, logicalUnit);
    this.#latest = undefined;
    this.#tellAll();
  }

  async unpublishUnit(id: string): Promise<void> {
    const unit = this.#units.get(id);
    this.#units.delete(id);
    this.#latest = undefined;
    this.#tellAll();
    await unit?.retire();
  }

  async publishHost(host: PublishHost): Promise<void> {
    const luns = new Map(host.luns.map(({ lun, unit }) => [lun, unit]));
    this.#hosts.set(host.initiator, { luns, agents: host.agents, advertise: host.advertise });
    this.#latest = undefined;
    await this.#tell(host.initiator);
  }

  async unpublishHost(initiator: string): Promise<void> {
    this.#hosts.delete(initiator);
    this.#latest = undefined;
    this.#seen.delete(initiator);
    await this.sessionsOf.drop(initiator);
  }

  setOwnPortGroup(portGroup: number): void {
    this.#ownPortGroup = portGroup;
  }

  setPortGroups(groups: readonly PortGroup[]): void {
    this.#groups = groups;
    this.#tellOfPorts();
  }

  setServing(isServing: boolean): void {
    this.#isServing = isServing;
    this.#tellOfPorts();
  }

  sessions(): readonly object[] {
    return this.sessionsOf.rows();
  }

  setChap(chap: SetChap["chap"]): string | undefined {
    const { credentials, problem } = chap === null ? NO_CHAP : readChap(chap);
    this.#credentials = credentials;
    return problem;
  }

  credentials(): ChapCredentials | undefined {
    return this.#credentials;
  }

  authorize(initiatorName: string): boolean {
    return this.#hosts.has(initiatorName);
  }

  /** Hosts of one agent know nothing of each other, and end nothing of each other's. */
  mayColdReset(): boolean {
    return false;
  }

  advertised(initiatorName: string, portal: Portal): Portal | undefined {
    const told = this.#hosts.get(initiatorName)?.advertise ?? this.portalAdvertise;
    return told && { host: told.host, port: told.port ?? portal.port };
  }

  lookup(nexus: Nexus, lun: number): LogicalUnit | undefined {
    const latest = this.#latest;
    if (latest?.nexus === nexus && latest.lun === lun) return latest.unit;
    const id = this.#hosts.get(nexus.initiatorName)?.luns.get(lun);
    const unit = id === undefined ? undefined : this.#units.get(id);
    this.#latest = { nexus, lun, unit };
    return unit;
  }

  list(nexus: Nexus): readonly number[] {
    return this.#shown(nexus.initiatorName).map(([lun]) => lun);
  }

  #shown(initiator: string): [lun: number, unit: string][] {
    const luns = this.#hosts.get(initiator)?.luns ?? new Map<number, string>();
    return [...luns].filter(([, id]) => this.#units.has(id)).sort(([a], [b]) => a - b);
  }

  /** Of its own ports the agent knows best. */
  #lostGroups(): Set<number> {
    const lost = this.#groups.filter(({ state }) => state === "unavailable").map(({ portGroup }) => portGroup);
    const elsewhere = lost.filter((group) => group !== this.#ownPortGroup);
    return new Set(this.#isServing ? elsewhere : [...elsewhere, this.#ownPortGroup]);
  }

  /** Hosts hear of the groups through which their disks can be reached. */
  #tellOfPorts(): void {
    const lost = this.#lostGroups();
    const changed = lost.symmetricDifference(this.#lost);
    this.#lost = lost;
    for (const unit of this.#units.values()) {
      unit.accessStates.setLost(lost, this.#ownPortGroup);
      const concerned = unit.ports?.some(({ portGroup }) => changed.has(portGroup)) ?? changed.has(this.#ownPortGroup);
      if (concerned) unit.tell(Attention.ACCESS_STATE_CHANGED);
    }
  }

  #tellAll(): void {
    for (const initiator of this.#hosts.keys()) void this.#tell(initiator);
  }

  /** Only what has changed for it: a controller that begins says everything again. */
  async #tell(initiator: string): Promise<void> {
    const agents = [...(this.#hosts.get(initiator)?.agents ?? [])].sort();
    const sees = JSON.stringify([agents, this.#shown(initiator)]);
    if (this.#seen.get(initiator) === sees) return;
    this.#seen.set(initiator, sees);
    await Promise.all(this.sessionsOf.nexuses(initiator).map((nexus) => this.sessionsOf.inventoryChanged(nexus)));
  }
}
