/** The agent as a process: its lock, its channel, its target. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { Target } from "../iscsi/target.ts";
import type { Portal } from "../iscsi/target-options.ts";
import type { AgentProcess, PortalSetting, Welcome } from "../mapping/protocol.ts";
import { BlockDeviceServer } from "../scsi/device-server.ts";
import { tryLock } from "../storage/syscalls/locks.ts";
import { UserError } from "../storage/user-error.ts";
import { Channel } from "./channel.ts";
import { type ControllerAddress, endpointOf } from "./controller-address.ts";
import { AgentCore } from "./core.ts";
import { openStorageDevice } from "./devices.ts";
import { giveMemoryBackWhenIdle } from "./idle-memory.ts";
import { AgentInjections } from "./injection.ts";
import { TargetPublication } from "./publication.ts";

export interface AgentOptions {
  readonly name: string;
  /** Locked for the life of the process: it is dead when somebody else can lock it. */
  readonly lockFile: string;
  readonly controller: ControllerAddress;
  /** `kill`: on the controller's machine, which ends it where it must; `lease`: anywhere. */
  readonly fence: "kill" | "lease";
  /** Whether it runs on the controller's machine; absent: where it is fenced by kill. */
  readonly here?: boolean;
  /** Where this machine has the storage devices, when not at the controller's paths. */
  readonly devices?: readonly string[];
  readonly log: (line: string) => void;
}

const LISTEN_RETRY_MS = 1000;

/** Serves until `stop` is aborted. @throws UserError where another agent of this name runs. */
export async function runAgent(options: AgentOptions, stop: AbortSignal): Promise<void> {
  const lock = openSync(options.lockFile, "a", 0o600);
  if (!tryLock(lock, "exclusive")) {
    throw new UserError(
      "agent-runs",
      `Agent ${options.name} runs already (${options.lockFile} is locked); stop it first.`,
    );
  }
  const publication = new TargetPublication();
  const ended = Promise.withResolvers<string | undefined>();
  let target: Target | undefined;
  const injections = new AgentInjections(options.name, options.log);
  const core: AgentCore = new AgentCore({
    name: options.name,
    process: processOf(options),
    publication,
    injections,
    openDevice: (message, permit, syncs) => {
      const device = openStorageDevice(message, options.devices, permit, syncs);
      return injections.before(message.device, device);
    },
    onWelcome: (welcome) => {
      options.log(`welcomed as incarnation ${welcome.incarnation} in epoch ${welcome.epoch}`);
      if (target === undefined) {
        target = makeTarget(welcome, publication, injections, options.log);
        void listen(target, welcome.portal, stop, options.log).then((portal) => {
          listening = portal;
          if (portal) core.say({ type: "listening", ...portal });
        });
      } else if (listening) core.say({ type: "listening", ...listening });
    },
    onFatal: (reason) => ended.resolve(reason),
    onBug: (error) => options.log(`bug: ${error instanceof Error ? error.stack : String(error)}`),
  });
  injections.onRepaired = (fault, first, last) => core.say({ type: "repaired", fault, first, last });
  let listening: Portal | undefined;
  const channel = new Channel({
    endpoint: () => endpointOf(options.controller),
    onOpen: (send) => core.connected(send),
    onMessage: (message) => core.receive(message),
    onClose: () => core.disconnected(),
    onFailure: (reason) => options.log(`no way to the controller: ${reason}`),
  });
  stop.addEventListener("abort", () => ended.resolve(undefined), { once: true });
  const stopLooking = giveMemoryBackWhenIdle(() => ioCount(core));
  const reason = await ended.promise;
  stopLooking();
  injections.close();
  await target?.close();
  await Promise.all([...core.devices.values()].map(({ device }) => device.close()));
  core.say({ type: "farewell" });
  channel.close();
  closeSync(lock);
  if (reason !== undefined) throw new UserError("refused", reason);
}

function ioCount({ tables }: AgentCore): number {
  return [...tables.values()].reduce((sum, { counters }) => sum + counters.reads + counters.writes, 0);
}

function makeTarget(
  welcome: Welcome,
  publication: TargetPublication,
  injections: AgentInjections,
  log: (line: string) => void,
): Target {
  const server = new BlockDeviceServer({
    inventory: publication,
    logger: { error: (fields, message) => log(`bug: ${message} ${String(("err" in fields && fields.err) || "")}`) },
  });
  const target = new Target({
    name: welcome.targetName,
    access: publication,
    server,
    relativePortId: welcome.relativePortId,
    portGroup: welcome.portGroup,
  });
  target.on("error", (error) => log(`bug: ${error instanceof Error ? error.stack : String(error)}`));
  target.on("login", ({ initiator, address }) => log(`${initiator} logged in from ${address}`));
  target.on("logout", ({ initiator }) => log(`${initiator} is gone`));
  injections.attach(target, server);
  publication.portalAdvertise = welcome.portal.advertise;
  publication.sessionsOf = {
    drop: (initiator) => target.drop(initiator),
    nexuses: (initiator) => target.nexuses(initiator),
    inventoryChanged: (nexus) => target.inventoryChanged(nexus),
    rows: () => target.sessions(),
  };
  return target;
}

/** The port that hosts know is taken again where it is free; a fixed one is waited for. */
async function listen(
  target: Target,
  setting: PortalSetting,
  stop: AbortSignal,
  log: (line: string) => void,
): Promise<Portal | undefined> {
  const ports = setting.port === 0 && setting.sticky !== undefined ? [setting.sticky, 0] : [setting.port];
  while (!stop.aborted) {
    for (const port of ports) {
      try {
        return await target.listen({ host: setting.host, port });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        log(error.message);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LISTEN_RETRY_MS));
  }
  return undefined;
}

function processOf({ fence, here = fence === "kill", lockFile }: AgentOptions): AgentProcess | null {
  if (!here) return null;
  return fence === "kill" ? self(lockFile) : { ...self(lockFile), leased: true };
}

function self(lockFile: string): AgentProcess {
  const stat = readFileSync("/proc/self/stat", "latin1");
  return { pid: process.pid, startTime: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]), lockFile };
}
