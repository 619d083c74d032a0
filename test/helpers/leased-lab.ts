/**
 * A controller and agents in this process, the real ones, on clocks of their own: messages go
 * through memory, storage devices are memory, and anybody can be paused, cut off or restarted.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addAgent, addExport, addHost, putZone } from "@sanlab/controller/access.ts";
import type { Connection } from "@sanlab/controller/agents/agent-session.ts";
import { ControllerCore } from "@sanlab/controller/core.ts";
import { fileMedia } from "@sanlab/controller/devices/medium.ts";
import { createDisk } from "@sanlab/controller/disks.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import type { ExecutionContext } from "ava";
import { AgentCore, type Publication } from "node-iscsi-target/agent/core.ts";
import { type DecodedFrame, decodeFrame } from "node-iscsi-target/mapping/frame.ts";
import type { AgentProcess, PortGroup, ToAgent, ToController } from "node-iscsi-target/mapping/protocol.ts";
import type { BlockDevice, IoCompletion, IoResult } from "node-iscsi-target/storage/block-device.ts";
import type { Permit } from "node-iscsi-target/storage/engine/permit.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { MemoryStore } from "./memory-store.ts";
import { Timeline, type TimelineClock } from "./timeline.ts";

const MIB = 1024 * 1024;
export const LEASE_MS = 8_000;
export const DRAIN_LIMIT_MS = 10_000;

export class LeasedLab {
  readonly timeline = new Timeline();
  readonly store = new MemoryStore();
  /** Storage devices, which all machines reach. */
  readonly #devices = new Map<number, MemoryDevice>();
  /** Processes that were killed. */
  readonly killed: AgentProcess[] = [];
  readonly log: string[] = [];
  core!: ControllerCore;

  /** Agents `c` and `d`, by lease, and `a`, by kill, all with the disk `data`. */
  static async begin(t: ExecutionContext): Promise<LeasedLab> {
    const directory = await mkdtemp(join(tmpdir(), "sanlab-lease-"));
    const lab = new LeasedLab();
    t.teardown(async () => {
      lab.core.close();
      await rm(directory, { recursive: true });
    });
    await lab.startController();
    const { core } = lab;
    const devices = [{ path: join(directory, "a.img"), sizeBytes: 24 * MIB }];
    await createPool(core, { name: "main", segmentBytes: MIB, devices });
    await createDisk(core, { name: "data", pool: "main", sizeBytes: 16 * MIB });
    await addHost(core, { name: "web", iqn: "iqn.2026-11.example:web" });
    await addExport(core, { host: "web", disk: "data" });
    await addAgent(core, { name: "a", portal: { host: "127.0.0.1", port: 0 } });
    for (const name of ["c", "d"])
      await addAgent(core, { name, portal: { host: "127.0.0.1", port: 0 }, remote: { leaseMs: LEASE_MS } });
    await putZone(core, { name: "all", hosts: ["web"], agents: ["a", "c", "d"], disks: ["data"] }, true);
    return lab;
  }

  /** Or starts it again: the one before was killed. */
  async startController(): Promise<void> {
    this.core?.close();
    const clock = this.timeline.clock(1, this.timeline.nowMs * -1);
    this.core = await ControllerCore.start({
      store: this.store,
      labName: "test",
      fencer: {
        fence: async (process) => void this.killed.push(process),
        hasEnded: (process) => this.killed.includes(process),
      },
      clock: Object.assign(clock, { dateMs: () => clock.nowMs() }),
      mediumSource: fileMedia,
      newId: randomUUID,
      drainLimitMs: DRAIN_LIMIT_MS,
      log: (line) => void this.log.push(line),
    });
    this.core.door = { url: "https://controller.example", ca: "" };
  }

  /** The agent's process; it says hello at once. */
  agent(name: string, options: { readonly rate?: number; readonly process?: AgentProcess } = {}): TestAgent {
    const agent = new TestAgent(this, name, options);
    agent.connect();
    return agent;
  }

  device(number: number): MemoryDevice {
    const known = this.#devices.get(number) ?? new MemoryDevice({ sizeBytes: 24 * MIB });
    this.#devices.set(number, known);
    return known;
  }
}

export class TestAgent {
  readonly core: AgentCore;
  readonly clock: TimelineClock;
  readonly publication = new Published();
  fatal: string | undefined;
  /** System calls of storage devices wait while this is set. */
  stuck: Promise<void> | undefined;
  readonly #lab: LeasedLab;
  readonly #name: string;
  #connection: Connection | undefined;
  /** What came while the process was paused. */
  readonly #late: (ToAgent | DecodedFrame)[] = [];

  constructor(lab: LeasedLab, name: string, { rate = 1, process }: { rate?: number; process?: AgentProcess }) {
    this.#lab = lab;
    this.#name = name;
    this.clock = lab.timeline.clock(rate, 1_000_000);
    this.core = new AgentCore({
      name,
      process: process ?? null,
      clock: this.clock,
      publication: this.publication,
      openDevice: ({ device }, permit) => new Asking(lab.device(device), permit, () => this.stuck),
      onWelcome: () => undefined,
      onFatal: (reason) => {
        this.fatal = reason;
      },
      onBug: (error) => {
        throw error;
      },
    });
  }

  connect(): void {
    const { core } = this.#lab;
    let session: Parameters<NonNullable<Connection["attached"]>>[0] | undefined;
    const connection: Connection = {
      send: (message) => {
        if (this.#connection === connection) this.#arrived(Buffer.isBuffer(message) ? decodeFrame(message) : message);
      },
      close: () => this.#connection === connection && this.disconnect(),
      attached: (attached) => {
        session = attached;
        if (this.#connection !== connection) attached.detach(connection);
      },
    };
    this.#connection = connection;
    this.#detach = () => session?.detach(connection);
    this.core.connected((message: ToController) => {
      if (this.#connection !== connection) return;
      if (message.type === "hello") void core.hello(connection, message);
      else if (session !== undefined) core.receive(this.#name, session, message);
    });
  }
  #detach: () => void = () => undefined;

  /** The way to the controller is cut, and both sides see it. */
  disconnect(): void {
    this.#connection = undefined;
    this.core.disconnected();
    this.#detach();
  }

  pause(): void {
    this.clock.paused = true;
  }

  /** Goes on as a process does after SIGCONT: what came meanwhile is there all at once. */
  resume(): void {
    this.clock.paused = false;
    for (const message of this.#late.splice(0)) this.core.receive(message);
  }

  async read(segment: number): Promise<IoResult> {
    return (await this.#disk()).read(segment * MIB, Buffer.alloc(512));
  }

  async text(segment: number): Promise<string> {
    const into = Buffer.alloc(512);
    const result = await (await this.#disk()).read(segment * MIB, into);
    return result.kind === "ok" ? into.toString("latin1").replaceAll("\0", "") : JSON.stringify(result);
  }

  async write(segment: number, text: string): Promise<IoResult> {
    return (await this.#disk()).write(segment * MIB, [Buffer.alloc(512, 0).fill(text, 0, text.length)]);
  }

  /** Before it is shown the controller syncs its device, which takes as long as it does. */
  async #disk(): Promise<BlockDevice> {
    while (!this.publication.isPublished) await new Promise((resolve) => setImmediate(resolve));
    return this.publication.disk;
  }

  #arrived(message: ToAgent | DecodedFrame): void {
    if (this.clock.paused) this.#late.push(message);
    else queueMicrotask(() => this.core.receive(message));
  }
}

/** What hosts would see of an agent. */
export class Published implements Publication {
  #disk: BlockDevice | undefined;
  isServing = true;
  groups: readonly PortGroup[] = [];

  get disk(): BlockDevice {
    if (this.#disk === undefined) throw new Error("nothing is published");
    return this.#disk;
  }
  get isPublished(): boolean {
    return this.#disk !== undefined;
  }
  state(portGroup: number): string | undefined {
    return this.groups.find((group) => group.portGroup === portGroup)?.state;
  }

  publishUnit(_unit: unknown, device: BlockDevice): void {
    this.#disk = device;
  }
  async unpublishUnit(): Promise<void> {
    this.#disk = undefined;
  }
  async publishHost(): Promise<void> {}
  async unpublishHost(): Promise<void> {}
  sessions(): readonly object[] {
    return [];
  }
  setOwnPortGroup(): void {}
  setPortGroups(groups: readonly PortGroup[]): void {
    this.groups = groups;
  }
  setServing(isServing: boolean): void {
    this.isServing = isServing;
  }
}

/** A storage device as `DirectEngine` is one: leave is asked right before the system call. */
class Asking extends MemoryDevice {
  readonly #device: MemoryDevice;
  readonly #permit: Permit;
  readonly #stuck: () => Promise<void> | undefined;

  constructor(device: MemoryDevice, permit: Permit = () => true, stuck: () => Promise<void> | undefined) {
    super({ sizeBytes: device.sizeBytes });
    this.#device = device;
    this.#permit = permit;
    this.#stuck = stuck;
  }

  override read(offset: number, into: Uint8Array): IoResult {
    return this.#ask(() => this.#device.read(offset, into)) as IoResult;
  }
  override write(offset: number, from: readonly Uint8Array[]): IoResult {
    return this.#ask(() => this.#device.write(offset, from)) as IoResult;
  }

  #ask(call: () => IoCompletion): IoCompletion {
    if (!this.#permit()) return { kind: "not-ready" };
    const stuck = this.#stuck();
    return stuck === undefined ? call() : stuck.then(() => call());
  }
}
