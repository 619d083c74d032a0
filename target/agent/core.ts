/**
 * The agent (110) without its surroundings: applies the controller's messages in order, once each, and
 * says what its hosts' I/O needs. All that it touches is given to it, so that a simulator can run it.
 */
import type { DecodedFrame } from "../mapping/frame.ts";
import { MappedDevice } from "../mapping/mapped-device.ts";
import type {
  AddDevice,
  AgentCounters,
  AgentProcess,
  CreateTable,
  Envelope,
  Hello,
  NumberedMessage,
  PortGroup,
  PublishedUnit,
  PublishHost,
  Refused,
  SetChap,
  ToAgent,
  ToController,
  Welcome,
} from "../mapping/protocol.ts";
import { PROTOCOL_VERSION } from "../mapping/protocol.ts";
import type { BlockDevice } from "../storage/block-device.ts";
import type { Permit } from "../storage/engine/permit.ts";
import type { SyncHistory } from "../storage/engine/sync-group.ts";
import { answerQuestion } from "./answers.ts";
import { apply, dropAll } from "./apply.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { OpenDevice } from "./devices.ts";
import type { AgentInjections } from "./injection.ts";
import { Lease } from "./lease.ts";
import { UNAVAILABLE_PORT } from "./leased-disk.ts";
import { TablePools } from "./table-pools.ts";
import type { UnitReplica } from "./units/unit-replica.ts";
import { SharedUnits } from "./units/units.ts";
import { UnsyncedDevices, unvouched } from "./unsynced.ts";

/** One of our messages, without its envelope. */
export type Saying = WithoutEnvelope<Exclude<ToController, Hello>>;
type WithoutEnvelope<T> = T extends unknown ? Omit<T, keyof Envelope> : never;

/** Where mapped disks become logical units of a target. */
export interface Publication {
  publishUnit(unit: PublishedUnit, device: BlockDevice, replica: UnitReplica): void;
  /** Resolves when its tasks hold nothing. */
  unpublishUnit(id: string): Promise<void>;
  /** Resolves when no task of the host is under way at a unit that it does not see any more. */
  publishHost(host: PublishHost): Promise<void>;
  unpublishHost(initiator: string): Promise<void>;
  setChap?(chap: SetChap["chap"]): string | undefined;
  sessions(): readonly object[];
  /** What the target port groups of the lab can do, as hosts are told. */
  setPortGroups(groups: readonly PortGroup[]): void;
  /** The group of its own ports; told before anything else. */
  setOwnPortGroup(portGroup: number): void;
  /** Whether this agent's own ports can do anything: not, while it has no lease. */
  setServing(isServing: boolean): void;
}

export interface AgentCoreOptions {
  readonly name: string;
  /** Null: the controller cannot kill it, and it serves under a lease; so does one that is `leased`. */
  readonly process: AgentProcess | null;
  /** Of leases. */
  readonly clock?: Clock;
  readonly publication: Publication;
  /** Faults on demand; absent: none are injected. */
  readonly injections?: AgentInjections;
  /** `permit` is to be asked right before each system call, where there is one. @throws UserError where it cannot be opened or is another device. */
  readonly openDevice: (message: AddDevice, permit: Permit | undefined, syncs: SyncHistory) => BlockDevice;
  readonly onWelcome: (welcome: Welcome) => void;
  readonly onFatal: (reason: string) => void;
  readonly onBug: (error: unknown) => void;
}

export class AgentCore {
  readonly options: AgentCoreOptions;
  readonly devices = new Map<number, OpenDevice>();
  readonly unsynced = new UnsyncedDevices((failed) => this.say({ type: "unsynced", ...failed }));
  readonly tables = new Map<string, MappedDevice>();
  readonly pools = new TablePools();
  /** Tables that were deleted here and whose I/O has not all ended yet. */
  readonly leaving = new Map<string, Promise<void>>();
  /** Units that were taken from hosts here and whose commands have not all ended yet. */
  readonly retiring = new Map<string, Promise<void>>();
  readonly units = new Map<string, PublishedUnit>();
  readonly hosts = new Set<string>();
  readonly shared: SharedUnits;
  readonly sent = { faults: 0, unmaps: 0, messages: 0 };
  /** Absent where the agent is fenced by kill. */
  readonly lease: Lease | undefined;
  #send: ((message: ToController) => void) | undefined;
  #identity: Envelope | undefined;
  #applied = 0;
  #number = 0;

  constructor(options: AgentCoreOptions) {
    this.options = options;
    this.shared = new SharedUnits({
      self: () => ({ agent: options.name, incarnation: this.#identity?.incarnation ?? 0 }),
      nextNumber: () => this.#nextNumber(),
      send: (request) => this.say(request),
    });
    if (options.process !== null && options.process.leased !== true) return;
    this.lease = new Lease({
      clock: options.clock ?? systemClock,
      request: (nonce) => this.say({ type: "renew", nonce }),
      onHeld: () => options.publication.setServing(true),
      onLapsed: () => this.#forgetTables(),
    });
    options.publication.setServing(false);
  }

  /** A connection to the controller is there; `send` may throw nothing and lose everything. */
  connected(send: (message: ToController) => void): void {
    this.#send = send;
    // A new incarnation begins when nothing of the last is left; it greets then.
    if (!this.#dropping) this.#greet(send);
  }

  #greet(send: (message: ToController) => void): void {
    const hello: Hello = {
      type: "hello",
      protocol: PROTOCOL_VERSION,
      agent: this.options.name,
      ...(this.#identity === undefined ? {} : { cluster: this.#identity.cluster }),
      incarnation: this.#identity?.incarnation ?? 0,
      epoch: this.#identity?.epoch ?? 0,
      applied: this.#applied,
      process: this.options.process,
      ...this.unsynced.told(),
    };
    send(hello);
  }

  /** The connection is gone; what is mapped goes on. */
  disconnected(): void {
    this.#send = undefined;
  }

  receive(message: ToAgent | DecodedFrame): void {
    if ("entries" in message) return this.#receiveNumbered(message.header, message);
    switch (message.type) {
      case "welcome":
        return this.#welcome(message);
      case "refused":
        return this.#refused(message);
      case "lease":
        return this.#isCurrent(message) ? this.lease?.granted(message) : undefined;
      case "question":
        return this.#isCurrent(message) ? answerQuestion(this, message) : undefined;
      default:
        return this.#receiveNumbered(message);
    }
  }

  /** Sends one of ours with the envelope; lost where there is no connection. */
  say(message: Saying): void {
    if (this.#identity === undefined || this.#send === undefined) return;
    this.sent.messages += 1;
    const { cluster, incarnation, epoch } = this.#identity;
    this.#send({ cluster, incarnation, epoch, ...message } as ToController);
  }

  createTable(message: CreateTable): MappedDevice {
    const { table } = message;
    return new MappedDevice({
      segmentBytes: message.segmentBytes,
      blockBytes: message.blockBytes,
      sizeBytes: message.sizeBytes,
      thin: message.thin,
      device: (number) => this.devices.get(number)?.device,
      devices: () => this.pools.devicesOf(table, this.devices.values()),
      nextNumber: () => this.#nextNumber(),
      sendFault: (fault, generation) => {
        this.sent.faults += 1;
        this.say({ type: "fault", table, generation, ...fault });
      },
      sendUnmap: (request) => {
        this.sent.unmaps += 1;
        this.say({ type: "unmap", table, ...request });
      },
      sendExclusion: (exclusion) => this.say({ table, ...exclusion }),
    });
  }

  #welcome(message: Welcome): void {
    const { cluster, incarnation, epoch } = message;
    if (this.#identity?.incarnation !== incarnation || this.#identity.epoch !== epoch) {
      this.#applied = 0;
      // Numbers begin again, and what was pending under them is nobody's to wait for.
      this.#pending.clear();
      for (const { exclusions, unmapping } of this.tables.values())
        for (const asked of [exclusions, unmapping]) asked.newEpoch();
    }
    this.#identity = { cluster, incarnation, epoch };
    this.options.publication.setOwnPortGroup(message.portGroup);
    this.options.onWelcome(message);
    if (message.lease !== undefined) this.lease?.ask(message.lease.durationMs);
    for (const table of this.tables.values()) {
      table.faults.repeat();
      table.unmapping.repeat();
      table.exclusions.repeat();
    }
    this.shared.repeat();
  }

  /** Of faults and other requests, unique in this process. */
  #nextNumber(): number {
    this.#number += 1;
    return this.#number;
  }

  /** The lease is over (docs/protocol.md, Lost agents): every entry is Inv, what waits for the controller fails, so that hosts go on elsewhere. An unmap that was sent waits on: it may still be done. */
  #forgetTables(): void {
    this.options.publication.setServing(false);
    for (const { table, faults } of this.tables.values()) {
      table.forget();
      faults.answerAll(UNAVAILABLE_PORT);
    }
  }

  #refused({ reason, fatal, anew }: Refused): void {
    if (fatal) return this.options.onFatal(reason);
    if (anew !== true || this.#dropping) return;
    this.#dropping = true;
    this.#beginAnew().catch(this.options.onBug);
  }

  /** This incarnation was fenced: its last I/O is waited for, then a new one says hello. */
  async #beginAnew(): Promise<void> {
    this.#identity = undefined;
    this.lease?.end();
    await dropAll(this);
    this.#applied = 0;
    this.#pending.clear();
    this.#dropping = false;
    if (this.#send !== undefined) this.#greet(this.#send);
  }
  #dropping = false;

  #isCurrent({ cluster, incarnation, epoch }: Envelope): boolean {
    const ours = this.#identity;
    return ours !== undefined && ours.cluster === cluster && ours.incarnation === incarnation && ours.epoch === epoch;
  }

  /** In order, once each: a repeat is only acknowledged again, what is stale or ahead is dropped. */
  #receiveNumbered(message: NumberedMessage, frame?: DecodedFrame): void {
    if (!this.#isCurrent(message)) return;
    if (message.seq <= this.#applied) return this.#acknowledge(message, Promise.resolve(undefined));
    if (message.seq !== this.#applied + 1) return;
    this.#applied = message.seq;
    this.#acknowledge(message, this.#apply(message, frame));
  }

  #apply(message: NumberedMessage, frame?: DecodedFrame): Promise<string | undefined> | undefined {
    try {
      return apply(this, message, frame);
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) this.options.onBug(error);
      return Promise.resolve(error instanceof Error ? error.message : String(error));
    }
  }

  #acknowledge(message: NumberedMessage, complete: Promise<string | undefined> | undefined): void {
    const pending = this.#pending.get(message.seq) ?? complete;
    if (pending === undefined) return this.say({ type: "ack", seq: message.seq, ...unvouched(this, message) });
    this.#pending.set(message.seq, pending);
    const epoch = message.epoch;
    pending.then((error) => {
      const isOver = typeof error !== "string" && this.#pending.get(message.seq) === pending;
      if (isOver) this.#pending.delete(message.seq);
      if (this.#identity?.epoch !== epoch) return;
      const how = typeof error === "string" ? { error } : unvouched(this, message);
      this.say({ type: "ack", seq: message.seq, ...how });
    }, this.options.onBug);
  }

  /** Messages that were applied and whose effect (a drain) is not complete; or failed, which a repeat is told, too. */
  readonly #pending = new Map<number, Promise<string | undefined>>();

  counters(): AgentCounters {
    const tables = Object.fromEntries([...this.tables].map(([id, device]) => [id, { ...device.counters }]));
    const injections = this.options.injections?.counters() ?? [];
    const { faults, unmaps, messages } = this.sent;
    return { faultsSent: faults, unmapsSent: unmaps, messagesSent: messages, tables, injections };
  }
}
