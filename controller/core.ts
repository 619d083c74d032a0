/**
 * The controller (120) without its surroundings: what it serves over HTTP and to agents, on a
 * store, media, a clock and a fencer that it is given, so that a simulator can run it.
 */
import type { Hello } from "node-iscsi-target/mapping/protocol.ts";
import type { AgentSession, Connection } from "./agents/agent-session.ts";
import { Agents, type FromAgent } from "./agents/agents.ts";
import { mayAsk } from "./agents/asking.ts";
import type { Fencer } from "./agents/fencer.ts";
import type { Clock } from "./clock.ts";
import type { Medium, MediumSource } from "./devices/medium.ts";
import { distrustMedium, heardOfUnsynced, syncHere } from "./devices/unsynced.ts";
import { nameNodes } from "./fabric/wwn.ts";
import { Ahead } from "./families/ahead.ts";
import { Families, type Family } from "./families/family.ts";
import { FamilyFaults } from "./families/faults.ts";
import { DeviceFaults } from "./injection/device-faults.ts";
import type { HostPower } from "./injection/host-power.ts";
import { recordRepair } from "./injection/injections.ts";
import { AllRecords, type LabRecord } from "./records.ts";
import { recover } from "./recovery.ts";
import { isShared } from "./remote/sharing.ts";
import { Allocator } from "./space/allocator.ts";
import { Space } from "./space/space.ts";
import { UsedMap } from "./space/used-map.ts";
import { type Change, Commits } from "./store/commits.ts";
import { OwnedStore } from "./store/owned-store.ts";
import type { Put } from "./store/records.ts";
import type { Store } from "./store/store.ts";
import { Edit } from "./tables/edit.ts";
import { Tables } from "./tables/tables.ts";
import { Exclusions } from "./units/exclusions.ts";
import { Units } from "./units/units.ts";
import { Refusal } from "./user-error.ts";

export interface CoreOptions {
  readonly store: Store;
  readonly labName: string;
  readonly fencer: Fencer;
  readonly clock: Clock;
  readonly mediumSource: MediumSource;
  /** A UUID that nobody else has. */
  readonly newId: () => string;
  readonly drainLimitMs: number;
  /** Another value than at the start before: all of the lab has been without power. Absent: it has not. */
  readonly power?: string;
  readonly log: (line: string) => void;
  /** For faults that cut a host's power; absent: there are no guests. */
  readonly hostPower?: HostPower;
}

export class ControllerCore {
  readonly records = new AllRecords();
  readonly allocator = new Allocator();
  readonly media = new Map<number, Medium>();
  /** Devices that it has opened when agents might have had them open for a while. */
  readonly openedLater = new Set<number>();
  /** Devices that could not be opened, and why. */
  readonly missing = new Map<number, string>();
  readonly options: CoreOptions;
  readonly tables: Tables;
  readonly commits: Commits;
  readonly families: Families;
  readonly used = new UsedMap();
  readonly space: Space;
  /** Operations that segments are being moved for in this process. */
  readonly working = new Set<string>();
  readonly ahead = new Ahead(this);
  readonly deviceFaults = new DeviceFaults(this.records);
  agents!: Agents;
  units!: Units;
  exclusions!: Exclusions;
  /** Where agents of other machines reach this controller; undefined: nowhere. */
  door: { readonly url: string; readonly ca: string } | undefined;
  readonly #store: OwnedStore;
  #lab!: LabRecord;
  #nextNumber = 1;
  readonly #faults = new WeakMap<Family, FamilyFaults>();
  #administration: Promise<unknown> = Promise.resolve();

  private constructor(options: CoreOptions, store: OwnedStore) {
    this.options = { ...options, mediumSource: this.deviceFaults.before(options.mediumSource) };
    this.#store = store;
    this.tables = new Tables(options.store);
    this.commits = new Commits(options.store);
    this.families = new Families(this.records);
    const { records, commits, allocator, used, media } = this;
    const { log } = options;
    const nextNumber = () => this.nextNumber();
    const numbers = (change: Change) => void change.put(this.numbers());
    const onUnsynced = (device: number, medium: Medium) => distrustMedium(this, device, medium);
    this.space = new Space({ records, commits, allocator, used, media, nextNumber, numbers, log, onUnsynced });
  }

  /** Loads what is persistent, begins a new epoch durably, and finishes or undoes what a crash left. */
  static async start(options: CoreOptions): Promise<ControllerCore> {
    const owned = await OwnedStore.take(options.store);
    if (owned === undefined) {
      throw new Refusal("in-use", "Another controller runs on these tables; stop it, or use another state directory.");
    }
    try {
      return await ControllerCore.#begin(options, owned);
    } catch (error) {
      await owned.release();
      throw error;
    }
  }

  static async #begin(given: CoreOptions, owned: OwnedStore): Promise<ControllerCore> {
    const options = { ...given, store: owned };
    const core = new ControllerCore(options, owned);
    await core.records.load(options.store);
    const last = core.records.lab.get("lab");
    core.#nextNumber = last?.nextNumber ?? 1;
    core.#lab = {
      name: last?.name ?? options.labName,
      cluster: last?.cluster ?? options.newId(),
      epoch: (last?.epoch ?? 0) + 1,
      nextNumber: core.#nextNumber,
      lastDevice: last?.lastDevice ?? Math.max(1, ...core.records.devices.values().map(({ device }) => device)),
      ...(last?.power === undefined ? {} : { power: last.power }),
    };
    await core.records.lab.save(options.store, "lab", core.#lab);
    const { store, fencer, clock, drainLimitMs, log } = options;
    core.agents = new Agents({
      store,
      records: core.records,
      lab: core.#lab,
      fencer,
      clock,
      drainLimitMs,
      log,
      onBug: (error) => core.bug(error),
      onBegin: (name, session) => core.#begins(name, session),
      onTable: (name, session, table, joins) => core.exclusions.has(name, session, table, joins),
      onOpened: (device, haveSaid) => syncHere(core, device, haveSaid),
      onConclusion: () => core.exclusions.review(),
    });
    core.#keepUnits();
    core.tables.beginEpoch(core.#lab.epoch);
    core.families.load();
    await core.#openDevices();
    await recover(core);
    await nameNodes(core);
    await core.#powerOn();
    return core;
  }

  get lab(): LabRecord {
    return this.#lab;
  }

  /** Never given out again, once `numbers()` is in a transaction. */
  nextNumber(): number {
    this.#nextNumber += 1;
    return this.#nextNumber;
  }
  /** A number for a device. Entries have few bits for these, so they have a count of their own beside that of everything. */
  nextDevice(): number {
    this.nextNumber();
    this.#lab = { ...this.#lab, lastDevice: (this.#lab.lastDevice ?? 0) + 1 };
    return this.#lab.lastDevice as number;
  }
  numbers(): Put {
    return this.records.lab.put("lab", { ...this.#lab, nextNumber: this.#nextNumber });
  }

  /** Administrative operations one after another, each whole. */
  administer<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#administration.then(work, work);
    this.#administration = turn;
    return turn;
  }

  async hello(connection: Connection, hello: Hello): Promise<AgentSession | undefined> {
    for (const failed of hello.unsynced ?? []) await heardOfUnsynced(this, failed);
    return this.agents.hello(connection, hello);
  }

  /** A message of an agent in session; one that is stale is dropped (rule 6). */
  receive(name: string, session: AgentSession, message: FromAgent): void {
    const { cluster, epoch, incarnation } = session.envelope;
    if (message.cluster !== cluster || message.epoch !== epoch || message.incarnation !== incarnation || session.fenced)
      return;
    switch (message.type) {
      case "ack":
        return session.acknowledged(message);
      case "listening":
        return void this.agents.listening(name, message).catch((error: unknown) => this.bug(error));
      case "renew":
        return this.agents.renew(name, session, message);
      case "farewell":
        return void this.agents.farewell(name, session).catch((error: unknown) => this.bug(error));
      case "fault":
      case "unmap":
        if (mayAsk(this.records, name, message)) this.#faultsOf(message.table)?.ask(session, message);
        return;
      case "unit_request":
        return this.units.request(name, session, message);
      case "exclude":
        if (mayAsk(this.records, name, message)) this.exclusions.exclude(name, session, message);
        return;
      case "readmit":
        return this.exclusions.readmit(session, message);
      case "holding":
        return this.exclusions.holding(session, message);
      case "repaired":
        return void this.administer(() => recordRepair(this, message)).catch((error: unknown) => this.bug(error));
      case "unsynced":
        return void heardOfUnsynced(this, message).catch((error: unknown) => this.bug(error));
      case "answer":
        return this.questions.get(message.request)?.(message.result);
    }
  }

  /** Questions to agents that wait for their answer. */
  readonly questions = new Map<number, (result: unknown) => void>();

  bug(error: unknown): void {
    this.options.log(`bug: ${error instanceof Error ? error.stack : String(error)}`);
  }

  /** Resolves when another controller has taken over: this one must end. */
  get lost(): Promise<void> {
    return this.#store.lost;
  }

  close(): void {
    this.ahead.close();
    this.#store.release().catch((error: unknown) => this.bug(error));
    for (const medium of this.media.values()) medium.close();
  }

  #keepUnits(): void {
    const { agents, records } = this;
    const { store, clock, drainLimitMs } = this.options;
    const onBug = (error: unknown): void => this.bug(error);
    this.units = new Units({ store, records, agents, onBug });
    this.exclusions = new Exclusions({ agents, records, clock, epoch: this.#lab.epoch, limitMs: drainLimitMs, onBug });
  }

  async #powerOn(): Promise<void> {
    const { power, store } = this.options;
    if (power === undefined || power === this.#lab.power) return;
    await this.units.powerOn();
    this.#lab = { ...this.#lab, power };
    await this.records.lab.save(store, "lab", { ...this.#lab, nextNumber: this.#nextNumber });
  }

  #begins(name: string, session: AgentSession): void {
    const { incarnation } = session.envelope;
    this.units.begins(name, incarnation).catch((error: unknown) => this.bug(error));
    void session.ended.then(() => this.units.lost(name, incarnation)).catch((error: unknown) => this.bug(error));
  }

  /** The tables of a family, to look at or to change. */
  edit(family: Family): Edit {
    const { tables, records } = this;
    const numbers = (change: Change) => void change.put(this.numbers());
    return new Edit({ tables, records, nextNumber: () => this.nextNumber(), numbers }, family);
  }

  #faultsOf(table: string): FamilyFaults | undefined {
    const family = this.families.of(table);
    if (family === undefined) return undefined;
    const known = this.#faults.get(family);
    if (known !== undefined) return known;
    const faults = new FamilyFaults(this, family);
    this.#faults.set(family, faults);
    return faults;
  }

  /** A device that is gone does not keep the others from being served. */
  async #openDevices(): Promise<void> {
    for (const { device, path, uuid, pool, segments, closed = false, removed } of this.records.devices.values()) {
      this.allocator.addDevice(device, pool, segments, await this.used.load(this.options.store, device, segments));
      this.allocator.close(device, closed);
      this.allocator.distrust(device, this.records.unsynced.has(String(device)));
      if (removed === true) {
        this.missing.set(device, `${path} was removed by force`);
        continue;
      }
      try {
        const medium = this.options.mediumSource.open(path, uuid);
        this.media.set(device, medium);
        if (isShared(this)) medium.bypassCache?.(true);
      } catch (error) {
        if (!(error instanceof Error && "status" in error)) throw error;
        this.missing.set(device, error.message);
        this.options.log(error.message);
        // What it holds counts as held; nothing more is placed there.
        this.allocator.close(device);
      }
    }
  }
}
