/**
 * A controller and its agents in this process: their own logic over a store, devices and
 * connections in memory, so that a test can end any of them at any message.
 */
import { randomUUID } from "node:crypto";
import { addAgent, addExport, addHost, putZone } from "@sanlab/controller/access.ts";
import type { AgentSession, Connection } from "@sanlab/controller/agents/agent-session.ts";
import { ControllerCore } from "@sanlab/controller/core.ts";
import { createDisk } from "@sanlab/controller/disks.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import type { ExecutionContext } from "ava";
import { AgentCore } from "node-iscsi-target/agent/core.ts";
import { TargetPublication } from "node-iscsi-target/agent/publication.ts";
import { decodeFrame } from "node-iscsi-target/mapping/frame.ts";
import type { Hello, ToAgent, ToController, Welcome } from "node-iscsi-target/mapping/protocol.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import type { TargetPort } from "node-iscsi-target/scsi/transport.ts";
import { MemoryStore } from "./memory-store.ts";
import { ScriptedDevice } from "./scripted-device.ts";
import { ScsiHost } from "./scsi-host.ts";
import { TestClock } from "./test-clock.ts";

const MIB = 1024 * 1024;
const AGENTS = ["a", "b"];
const HOSTS = ["one", "two"];
/** After so long without an acknowledgement an agent is fenced. */
export const DRAIN_LIMIT_MS = 10_000;
const STEP_MS = 100;
/** More turns of the event loop than any question takes with its answer. */
const TURNS = 20;

/** One incarnation of an agent: ended, it hears and says nothing any more. */
export class LabAgent {
  readonly name: string;
  readonly core: AgentCore;
  readonly server: BlockDeviceServer;
  readonly publication = new TargetPublication();
  /** Its way to the storage device that all share. */
  readonly device = new ScriptedDevice({ blocks: (32 * MIB) / 512, thin: false });
  readonly bugs: unknown[] = [];
  /** What it says to the controller, as it says it; false: it is lost. */
  passes: (message: ToController) => boolean = () => true;
  /** By so many turns of the event loop all that it hears and says is late. */
  lag = 0;
  isDead = false;
  isConnected = false;
  #welcome: Welcome | undefined;
  #session: AgentSession | undefined;

  constructor(name: string, pid: number, bytes: Buffer) {
    this.name = name;
    this.device.bytes = bytes;
    const { publication } = this;
    const onBug = (error: unknown): void => void this.bugs.push(error);
    this.server = new BlockDeviceServer({ inventory: publication, logger: { error: onBug } });
    this.core = new AgentCore({
      name,
      process: { pid, startTime: 1, lockFile: `/lab/${name}` },
      publication,
      openDevice: () => this.device,
      onWelcome: (welcome) => {
        this.#welcome = welcome;
      },
      onFatal: (reason) => this.bugs.push(new Error(reason)),
      onBug,
    });
  }

  connect(controller: ControllerCore): void {
    let open = true;
    const connection: Connection = {
      send: (message) => this.#later(() => open && this.core.receive(received(message))),
      close: () => {
        open = false;
      },
      attached: (session) => {
        this.#session = session;
      },
    };
    this.isConnected = true;
    this.core.connected((message) => {
      if (this.passes(message)) this.#later(() => open && this.#deliver(controller, connection, message));
    });
    this.disconnect = () => {
      open = false;
      this.isConnected = false;
      this.core.disconnected();
      this.#session?.detach(connection);
    };
  }

  disconnect = (): void => undefined;

  /** A host of the lab, logged in through this agent. */
  host(name: string): ScsiHost {
    const relativePortId = this.#welcome?.relativePortId as number;
    const targetName = this.#welcome?.targetName as string;
    const port: TargetPort = {
      name: `${targetName},t,0x0001`,
      targetName,
      relativePortId,
      portGroup: relativePortId,
      protocolIdentifier: 5,
    };
    return new ScsiHost(this.server, iqnOf(name), port);
  }

  #deliver(controller: ControllerCore, connection: Connection, message: ToController): void {
    const copy = JSON.parse(JSON.stringify(message)) as ToController;
    if (copy.type === "hello") void controller.hello(connection, copy as Hello);
    else if (this.#session !== undefined) controller.receive(this.name, this.#session, copy);
  }

  #later(work: () => unknown, turnsLeft = this.lag): void {
    setImmediate(() => {
      if (turnsLeft > 0) this.#later(work, turnsLeft - 1);
      else if (!this.isDead) work();
    });
  }
}

export class CoreLab {
  controller!: ControllerCore;
  readonly clock = new TestClock();
  readonly agents = new Map<string, LabAgent>();
  /** What a controller that was ended has left. */
  store = new MemoryStore();
  readonly log: string[] = [];
  readonly #bytes = Buffer.alloc(32 * MIB);
  #pids = 0;

  /** A disk `data` of 4 MiB that hosts `one` and `two` see through agents `a` and `b`, of which these run. */
  static async start(t: ExecutionContext, running: readonly string[] = AGENTS): Promise<CoreLab> {
    const lab = new CoreLab();
    t.teardown(() => lab.close());
    await lab.startController();
    const { controller } = lab;
    await createPool(controller, {
      name: "main",
      segmentBytes: MIB,
      devices: [{ path: "/lab/main.img", sizeBytes: 32 * MIB }],
    });
    await createDisk(controller, { name: "data", pool: "main", sizeBytes: 4 * MIB });
    for (const name of AGENTS) await addAgent(controller, { name, portal: { host: "127.0.0.1", port: 0 } });
    for (const name of HOSTS) await addHost(controller, { name, iqn: iqnOf(name) });
    for (const host of HOSTS) await addExport(controller, { host, disk: "data" });
    await putZone(controller, { name: "all", hosts: HOSTS, agents: AGENTS, disks: ["data"] }, true);
    for (const name of running) await lab.startAgent(name);
    return lab;
  }

  agent(name: string): LabAgent {
    return this.agents.get(name) as LabAgent;
  }

  /** A fresh process; returns when hosts can use it. */
  async startAgent(name: string): Promise<LabAgent> {
    this.#pids += 1;
    const agent = new LabAgent(name, this.#pids, this.#bytes);
    this.agents.set(name, agent);
    agent.connect(this.controller);
    await until(() => agent.core.hosts.size === HOSTS.length);
    // The others hear that its ports are there.
    await turns();
    return agent;
  }

  killAgent(name: string): void {
    const agent = this.agent(name);
    agent.isDead = true;
    agent.disconnect();
  }

  /** The controller is gone at once; its agents live. */
  killController(): void {
    for (const agent of this.agents.values()) agent.disconnect();
    const { entries } = this.store;
    this.store = new MemoryStore(entries);
  }

  /** @param power another value than before: the whole lab was without it */
  async startController(power?: string): Promise<void> {
    this.controller = await ControllerCore.start({
      store: this.store,
      labName: "test",
      fencer: { fence: (process) => this.#fence(process.pid), hasEnded: (process) => this.#hasEnded(process.pid) },
      clock: this.clock,
      mediumSource: memoryMedia,
      newId: randomUUID,
      drainLimitMs: DRAIN_LIMIT_MS,
      log: (line) => this.log.push(line),
      ...(power === undefined ? {} : { power }),
    });
  }

  /** After `killController`. */
  async restartController(power?: string): Promise<void> {
    await this.startController(power);
    for (const agent of this.agents.values()) if (!agent.isDead) agent.connect(this.controller);
  }

  /** Lets time pass at the controller; whoever answers at once has time to. */
  async pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += STEP_MS) {
      this.clock.advance(STEP_MS);
      await turns();
    }
  }

  close(): void {
    for (const agent of this.agents.values()) agent.isDead = true;
  }

  async #fence(pid: number): Promise<void> {
    for (const agent of this.agents.values()) {
      if (agent.core.options.process?.pid === pid) this.killAgent(agent.name);
    }
  }

  #hasEnded(pid: number): boolean {
    return [...this.agents.values()].every(({ core, isDead }) => core.options.process?.pid !== pid || isDead);
  }
}

const memoryMedia = {
  canonicalPath: (path: string) => path,
  open: () => medium,
  adopt: () => ({ medium, created: true }),
  release: () => undefined,
};
const medium = {
  sizeBytes: 32 * MIB,
  read: async (_offset: number, into: Uint8Array) => void into.fill(0),
  write: async () => undefined,
  zero: async () => undefined,
  sync: async () => undefined,
  close: () => undefined,
};

export function iqnOf(host: string): string {
  return `iqn.2026-11.example:${host}`;
}

/** What an agent hears: as JSON or a frame says it. */
function received(message: ToAgent | Buffer) {
  return Buffer.isBuffer(message) ? decodeFrame(message) : (JSON.parse(JSON.stringify(message)) as ToAgent);
}

/** Lets everybody in this process do what there is to do now. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits, a turn of the event loop at a time, until it is so. @throws Error where that takes too long */
export async function until(isSo: () => boolean, boundMs = 10_000): Promise<void> {
  for (const endMs = performance.now() + boundMs; !isSo(); ) {
    if (performance.now() > endMs) throw new Error(`It was waited for in vain: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
