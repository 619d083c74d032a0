/** Agents: names, and the processes that serve under them one after another. */
import type { Clock } from "node-iscsi-target/agent/clock.ts";
import { AgentCore, type Publication } from "node-iscsi-target/agent/core.ts";
import type {
  AddDevice,
  Envelope,
  NumberedMessage,
  PublishedUnit,
  ToController,
} from "node-iscsi-target/mapping/protocol.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import type { BlockDevice, Initiation } from "node-iscsi-target/storage/block-device.ts";
import type { Permit } from "node-iscsi-target/storage/engine/permit.ts";
import type { SyncHistory } from "node-iscsi-target/storage/engine/sync-group.ts";
import { Violation } from "../engine/violation.ts";
import { Acknowledgements } from "../model/acknowledgements.ts";
import { Asked } from "../model/asked.ts";
import { checkVouchedFor } from "../model/vouched-for.ts";
import type { heard } from "./carried.ts";
import type { Lab } from "./lab.ts";
import { LeaseWatch } from "./lease-watch.ts";
import { ScsiPort } from "./scsi-port.ts";
import type { SimConnection } from "./sim-connection.ts";
import { SimDevice } from "./sim-device.ts";

/** A host's command under way at a logical unit. */
export interface Command {
  readonly initiation: Initiation;
  readonly ended: Promise<unknown>;
  /** The process died with it. */
  readonly died: () => void;
}

export interface SimUnit {
  readonly unit: PublishedUnit;
  readonly device: BlockDevice;
  readonly logicalUnit: LogicalUnit;
  readonly commands: Set<Command>;
}

export class SimProcess {
  readonly lab: Lab;
  readonly name: string;
  readonly pid: number;
  readonly core: AgentCore;
  readonly clockRate: number;
  readonly units = new Map<string, SimUnit>();
  readonly port: ScsiPort;
  /** Of hosts, under way at any unit, those too that are not published any more. */
  readonly commands = new Set<Command>();
  /** Paths of the devices it has open, by their numbers. */
  readonly paths = new Map<number, string>();
  /** Tears what is at the devices, when the process is killed. */
  readonly underWay = new Set<() => void>();
  connection: SimConnection | undefined;
  isAlive = true;
  isPaused = false;
  /** Of the last numbered message that it got, in time or late, and that is not stale. */
  told: Pick<Envelope, "epoch" | "incarnation"> = { epoch: 0, incarnation: 0 };
  #welcomed: Pick<Envelope, "epoch" | "incarnation"> = this.told;
  readonly #lease: LeaseWatch;
  readonly acknowledgements = new Acknowledgements(this);
  readonly asked = new Asked();
  /** Devices of which it was told that a sync has failed. */
  readonly distrusted = new Set<number>();
  /** By path and opening. */
  readonly #failedSyncs = new Set<string>();
  #waiting: (() => void)[] = [];

  constructor(lab: Lab, name: string, pid: number) {
    this.lab = lab;
    this.name = `${name}/${pid}`;
    this.pid = pid;
    this.port = new ScsiPort(lab, name, this.units);
    // Those that have a clock of their own serve under a lease.
    const rate = lab.config.clockRates[Number(name.slice("agent".length))];
    this.clockRate = rate ?? 1;
    const clock = this.#clock(this.clockRate);
    this.#lease = new LeaseWatch(this, () => clock.nowMs());
    this.core = new AgentCore({
      name,
      process: rate !== undefined ? null : { pid, startTime: pid, lockFile: `/${name}.lock` },
      clock,
      publication: this.#publication(),
      openDevice: (message, permit, syncs) => this.#open(message, permit, syncs),
      onWelcome: ({ relativePortId }) => {
        this.port.relativePortId = relativePortId;
      },
      onFatal: (reason) => {
        lab.scheduler.note(`${this.name} ends: ${reason}`);
        this.kill();
      },
      onBug: (error) => lab.bug(this.name, error),
    });
  }

  /** Runs in the process: now, when it is awake again, or never. */
  deliver(work: () => void): void {
    if (!this.isAlive) return;
    if (this.isPaused) this.#waiting.push(work);
    else work();
  }

  get epoch(): number {
    return this.told.epoch;
  }

  /** It has a lease, or needs none. */
  get mayServe(): boolean {
    return this.core.lease?.isValid() !== false;
  }

  /** Something comes in, in time or late. @throws Violation */
  hears(told: ReturnType<typeof heard>): void {
    const message = "entries" in told ? told.header : told;
    if ("seq" in message) this.#isTold(message);
    if (message.type === "fault_response") this.asked.hears(message);
    if (message.type === "add_device") this.distrusted[message.unsynced === true ? "add" : "delete"](message.device);
    if (message.type === "welcome" && (message.epoch !== this.epoch || message.incarnation !== this.told.incarnation))
      this.acknowledgements.beginsAnew();
    if (message.type === "welcome") this.#welcomed = message;
    this.#lease.hears(told, () => this.core.receive(told));
  }

  /** What is stale, or was heard before, it does not do. @throws Violation */
  #isTold(message: NumberedMessage): void {
    const { epoch, incarnation } = this.#welcomed;
    const isCurrent = message.epoch === epoch && message.incarnation === incarnation;
    if (isCurrent) this.told = message;
    const isFresh = this.acknowledgements.hears(message);
    if (isCurrent && isFresh && message.type === "publish_unit") checkVouchedFor(this, message.unit);
  }

  /** What it says is on its way. @throws Violation */
  says(message: ToController): void {
    if (message.type === "renew") this.#lease.asks(message.nonce);
    if (message.type === "ack") this.acknowledgements.acknowledges(message);
    if (message.type === "fault") this.asked.asks(message, this.lab.scheduler.tick());
  }

  pause(): void {
    this.isPaused = true;
  }

  /** What came in meanwhile is dealt with in order, one event each. */
  resume(): void {
    this.isPaused = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const work of waiting) this.lab.scheduler.after(0, () => this.deliver(work));
  }

  kill(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.lab.scheduler.note(`${this.name} dies`);
    for (const tear of [...this.underWay]) tear();
    for (const command of [...this.commands]) command.died();
    this.connection?.break();
    this.lab.died(this);
  }

  /** A clock of its own, from an origin of its own; what it calls back waits while the process is paused. */
  #clock(rate: number): Clock {
    const { scheduler } = this.lab;
    const origin = 1000 * this.pid;
    return {
      nowMs: () => origin + rate * scheduler.nowMs,
      after: (ms, run) => scheduler.after(ms / rate, () => this.deliver(run)),
    };
  }

  #open(message: AddDevice, permit: Permit | undefined, syncs: SyncHistory): BlockDevice {
    const disk = this.lab.disks.get(message.path);
    if (disk?.label?.uuid !== message.uuid || disk.isPulled) {
      throw Object.assign(new Error(`${message.path} does not carry the label of its device.`), { code: "label" });
    }
    this.paths.set(message.device, message.path);
    const opening = `${message.path} ${message.openings ?? 0}`;
    if (this.#failedSyncs.has(opening) && !syncs.hasFailed)
      this.lab.fail(new Violation("rule 7", `${this.name} opens ${message.path} and has forgotten that a sync failed`));
    return new SimDevice(disk, this, permit, syncs, () => this.#failedSyncs.add(opening));
  }

  /** Logical units without SCSI: their commands are cancelled and waited for as `LogicalUnit.retire` does. */
  #publication(): Publication {
    return {
      publishUnit: (unit, device, keeper) => {
        const { naa, serial } = unit;
        const identity = { naa, serial, vendor: "SANLAB", product: "VIRTUAL DISK", revision: "1" };
        const logicalUnit = new LogicalUnit(device, identity, { servedElsewhere: true, keeper });
        keeper.attach(logicalUnit);
        this.units.set(unit.id, { unit, device, logicalUnit, commands: new Set() });
      },
      unpublishUnit: async (id) => {
        const unit = this.units.get(id);
        this.units.delete(id);
        const commands = [...(unit?.commands ?? [])];
        for (const { initiation } of commands) cancel(initiation);
        await Promise.all([...commands.map(({ ended }) => ended), unit?.logicalUnit.retire()]);
      },
      publishHost: async () => undefined,
      unpublishHost: async () => undefined,
      sessions: () => [],
      setPortGroups: () => undefined,
      setOwnPortGroup: () => undefined,
      setServing: () => undefined,
    };
  }
}

/** ABORT TASK, as the task set does it. */
export function cancel(initiation: Initiation): void {
  if (initiation.cancelled) return;
  initiation.cancelled = true;
  initiation.onCancel?.();
}
