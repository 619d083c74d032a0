/**
 * The controller and agents of a lab in one process: their real logic on a store, media and channels
 * in memory. What an agent writes reaches its device some turns later, so that a drain that is missing shows.
 */

import { addAgent, addExport, addHost, putZone } from "@sanlab/controller/access.ts";
import type { AgentSession } from "@sanlab/controller/agents/agent-session.ts";
import type { Clock } from "@sanlab/controller/clock.ts";
import { ControllerCore } from "@sanlab/controller/core.ts";
import type { Medium, MediumSource } from "@sanlab/controller/devices/medium.ts";
import type { Store } from "@sanlab/controller/store/store.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import { AgentCore, type Publication } from "node-iscsi-target/agent/core.ts";
import { decodeFrame } from "node-iscsi-target/mapping/frame.ts";
import type { MappedDevice } from "node-iscsi-target/mapping/mapped-device.ts";
import type { ToAgent, ToController } from "node-iscsi-target/mapping/protocol.ts";
import type { BlockDevice, IoResult } from "node-iscsi-target/storage/block-device.ts";
import type { SyncHistory } from "node-iscsi-target/storage/engine/sync-group.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { Crash } from "./memory-store.ts";
import { type MortalClock, mortalClock } from "./mortal-clock.ts";

export const SEGMENT = 64 * 1024;

/** Storage devices in memory, which outlive the controller. */
export class MemoryMedia implements MediumSource {
  readonly devices = new Map<string, MemoryDevice>();
  /** Calls of the controller that fail: "read PATH SEGMENT", "write PATH SEGMENT", "zero PATH SEGMENT", "sync PATH 0". */
  readonly failures = new Set<string>();

  /** Flushes that agents have asked for, "AGENT PATH"; one that is among the failures too, as "flush AGENT PATH", fails; as does "open AGENT PATH". */
  readonly flushes: string[] = [];

  /** Paths where something else lies now. */
  readonly replaced = new Set<string>();

  canonicalPath(path: string): string {
    return path;
  }
  open(path: string): Medium {
    if (this.replaced.has(path)) throw new Refusal("label", `${path} does not carry the label of the device.`);
    const device = this.devices.get(path) as MemoryDevice;
    return {
      sizeBytes: device.sizeBytes,
      read: async (offset, into) => {
        this.#fail("read", path, offset);
        device.read(offset, into);
      },
      write: async (offset, from) => {
        this.#fail("write", path, offset);
        device.write(offset, [from]);
      },
      zero: async (offset, length) => {
        this.#fail("zero", path, offset);
        device.writeZeroes(offset, length);
      },
      sync: async () => this.#fail("sync", path, 0),
      close: () => undefined,
    };
  }
  adopt(path: string, _: object, { sizeBytes = 0 }: { sizeBytes?: number }): { medium: Medium; created: boolean } {
    this.devices.set(path, new MemoryDevice({ sizeBytes }));
    return { medium: this.open(path), created: true };
  }
  release(path: string): void {
    this.devices.delete(path);
  }

  /** Whether it succeeds. */
  flushed(agent: string, path: string): boolean {
    this.flushes.push(`${agent} ${path}`);
    return !this.failures.has(`flush ${agent} ${path}`);
  }

  #fail(access: string, path: string, offset: number): void {
    if (this.failures.has(`${access} ${path} ${Math.floor(offset / SEGMENT)}`)) throw new Error("the medium is bad");
  }
}

export interface MappingLabOptions {
  readonly store: Store;
  readonly media?: MemoryMedia;
  readonly agents?: readonly string[];
  /** Absent: that of the system. */
  readonly clock?: Clock;
}

export class MappingLab {
  readonly core: ControllerCore;
  readonly media: MemoryMedia;
  readonly agents = new Map<string, AgentCore>();
  readonly bugs: unknown[] = [];
  /** Rejects when the store's process dies. */
  readonly died: Promise<never>;
  readonly #clock: MortalClock;
  #closed = false;

  private constructor(core: ControllerCore, clock: MortalClock, media: MemoryMedia, died: Promise<never>) {
    this.core = core;
    this.#clock = clock;
    this.media = media;
    this.died = died;
  }

  static async start(options: MappingLabOptions): Promise<MappingLab> {
    const { store, media = new MemoryMedia() } = options;
    const died = Promise.withResolvers<never>();
    died.promise.catch(() => undefined);
    let lab: MappingLab | undefined;
    let number = 0;
    const clock = mortalClock(options.clock);
    const core = await ControllerCore.start({
      store,
      labName: "test",
      fencer: { fence: async ({ pid }) => lab?.kill(pid), hasEnded: ({ pid }) => lab?.isRunning(pid) !== true },
      clock: { ...clock, dateMs: () => 0 },
      mediumSource: media,
      newId: () => {
        number += 1;
        return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
      },
      drainLimitMs: 120_000,
      log: (line) => {
        if (line.includes("dies at commit") || line.includes("is dead")) died.reject(new Crash(line));
        else if (line.startsWith("bug:")) lab?.bugs.push(line);
      },
    });
    lab = new MappingLab(core, clock, media, died.promise);
    return lab;
  }

  /** An agent through which host `host` sees disks as they are exported. */
  async addAgents(...names: string[]): Promise<void> {
    for (const name of names) await addAgent(this.core, { name, portal: { host: "127.0.0.1", port: 0 } });
    if (!this.core.records.hosts.has("host"))
      await addHost(this.core, { name: "host", iqn: "iqn.2026-11.example:host" });
    await this.#zone();
    await this.join(...names);
  }

  /** Fresh processes of agents that the lab has. */
  async join(...names: string[]): Promise<void> {
    for (const name of names) this.connect(name);
    const isThere = (name: string) => this.core.agents.session(name)?.connected === true;
    while (!this.#closed && !names.every(isThere)) await new Promise((resolve) => setImmediate(resolve));
  }

  async expose(...disks: string[]): Promise<void> {
    for (const disk of disks) await addExport(this.core, { host: "host", disk });
    await this.#zone();
  }

  /** A fresh process of the agent. */
  connect(name: string): AgentCore {
    const agent = new AgentCore({
      name,
      process: { pid: this.agents.size + 1, startTime: 0, lockFile: "" },
      publication: silentPublication,
      openDevice: ({ path }, _, syncs) => late(this.#deviceAt(path, name), syncs, () => this.media.flushed(name, path)),
      onWelcome: () => undefined,
      onFatal: () => undefined,
      onBug: (error) => this.bugs.push(error),
    });
    this.agents.set(name, agent);
    this.attach(name);
    return agent;
  }

  /** A connection of an agent to this lab's controller. */
  attach(name: string, agent: AgentCore = this.agents.get(name) as AgentCore): void {
    this.agents.set(name, agent);
    let session: AgentSession | undefined;
    const connection = {
      send: (message: ToAgent | Buffer) => {
        const text = Buffer.isBuffer(message) ? message : JSON.stringify(message);
        setImmediate(() => {
          if (this.#closed || this.agents.get(name) !== agent) return;
          agent.receive(Buffer.isBuffer(text) ? decodeFrame(text) : (JSON.parse(text) as ToAgent));
        });
      },
      close: () => undefined,
      attached: (attached: AgentSession) => {
        session = attached;
      },
    };
    agent.connected((message: ToController) => {
      const text = JSON.stringify(message);
      setImmediate(() => {
        if (this.#closed || this.agents.get(name) !== agent) return;
        const heard = JSON.parse(text) as ToController;
        if (heard.type === "hello")
          void this.core.hello(connection, heard).catch((error: unknown) => this.core.bug(error));
        else if (session !== undefined) this.core.receive(name, session, heard);
      });
    });
  }

  isRunning(pid: number): boolean {
    return [...this.agents.values()].some(({ options }) => options.process?.pid === pid);
  }

  kill(pid: number): void {
    for (const [name, agent] of this.agents) {
      if (agent.options.process?.pid !== pid) continue;
      agent.disconnected();
      this.agents.delete(name);
    }
  }

  device(agent: string, disk: string): MappedDevice {
    const table = this.core.records.disks.get(disk)?.table ?? "";
    const device = this.agents.get(agent)?.tables.get(table);
    if (device === undefined) throw new Error(`agent ${agent} has no disk ${disk}`);
    return device;
  }

  /** Fills a segment through an agent; the result of the write. */
  write(agent: string, disk: string, segment: number, byte: number, bytes = SEGMENT): Promise<IoResult> {
    return this.orDeath(
      Promise.resolve(this.device(agent, disk).write(segment * SEGMENT, [Buffer.alloc(bytes, byte)])),
    );
  }

  /** The byte that a whole segment is filled with; throws where it is not of one byte. */
  async read(agent: string, disk: string, segment: number): Promise<number> {
    const into = Buffer.alloc(SEGMENT);
    const result = await this.orDeath(Promise.resolve(this.device(agent, disk).read(segment * SEGMENT, into)));
    if (result.kind !== "ok") throw new Error(`segment ${segment} of ${disk}: ${JSON.stringify(result)}`);
    if (!into.equals(Buffer.alloc(SEGMENT, into[0])))
      throw new Error(`segment ${segment} of ${disk} is of several bytes`);
    return into[0] as number;
  }

  /** What waits for the controller does not wait for one that is dead. */
  orDeath<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.died]);
  }

  close(): void {
    this.#closed = true;
    for (const agent of this.agents.values()) agent.disconnected();
    this.core.close();
    this.#clock.end();
  }

  #deviceAt(path: string, agent: string): MemoryDevice {
    const device = this.media.devices.get(path);
    if (device === undefined || this.media.failures.has(`open ${agent} ${path}`))
      throw Object.assign(new Error(`${path} does not exist`), { code: "ENOENT" });
    return device;
  }

  async #zone(): Promise<void> {
    const { hosts, agents, disks } = this.core.records;
    const names = (records: { name: string }[]) => records.map(({ name }) => name);
    const zone = { hosts: names(hosts.values()), agents: names(agents.values()), disks: names(disks.values()) };
    await putZone(this.core, { name: "all", ...zone }, false);
  }
}

const silentPublication: Publication = {
  publishUnit: () => undefined,
  unpublishUnit: async () => undefined,
  publishHost: async () => undefined,
  unpublishHost: async () => undefined,
  setPortGroups: () => undefined,
  setOwnPortGroup: () => undefined,
  setServing: () => undefined,
  sessions: () => [],
};

/** The device as an agent has it: every I/O takes effect some turns after it was issued. */
function late(device: MemoryDevice, syncs: SyncHistory, flushed: () => boolean): BlockDevice {
  const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return new Proxy(device, {
    get(target, key) {
      const value = Reflect.get(target, key, target) as unknown;
      if (typeof value !== "function") return value;
      if (key === "close") return async () => undefined;
      const call = value.bind(target) as (...args: unknown[]) => unknown;
      if (key !== "read" && key !== "write" && key !== "writeZeroes" && key !== "flush") return call;
      return async (...args: unknown[]) => {
        await turn();
        if (key === "flush" && !syncs.hasFailed && !flushed()) {
          syncs.hasFailed = true;
          syncs.onFailure?.();
        }
        if (key === "flush" && syncs.hasFailed) return { kind: "medium-error", offset: 0 };
        if (key === "flush" && syncs.isUnvouched === true) return { kind: "not-ready" };
        return call(...args);
      };
    },
  });
}
