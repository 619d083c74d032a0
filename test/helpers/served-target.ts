/** A target of our own in this process, with one scripted disk as LUN 0, for tests that speak to it over TCP. */
import {
  BlockDeviceServer,
  FixedInventory,
  LogicalUnit,
  type Portal,
  Target,
  type TargetOptions,
} from "node-iscsi-target";
import { type Keys, type LoginStep, RawInitiator } from "./raw-initiator.ts";
import { ScriptedDevice, type ScriptedDeviceOptions } from "./scripted-device.ts";

export const TARGET = "iqn.2026-11.example:target";
export const HOST = "iqn.2026-11.example:host";
/** What a normal session's first login request must say (RFC 7143 6.3.1). */
export const INTRODUCTION: Keys = { InitiatorName: HOST, TargetName: TARGET };
export const DISCOVERY: Keys = { InitiatorName: HOST, SessionType: "Discovery" };

interface Owner {
  teardown(end: () => Promise<void> | void): void;
}

export interface ServedTarget {
  readonly target: Target;
  readonly portal: Portal;
  readonly device: ScriptedDevice;
  /** What the target called a bug. */
  readonly errors: unknown[];
  readonly connect: () => Promise<RawInitiator>;
  /** A session in full feature phase, whose unit attentions are read away. */
  readonly login: (keys?: Keys, step?: LoginStep) => Promise<RawInitiator>;
}

export async function serve(
  owner: Owner,
  options: Partial<TargetOptions> = {},
  disk: ScriptedDeviceOptions = {},
): Promise<ServedTarget> {
  const device = new ScriptedDevice(disk);
  const identity = { naa: "3000000000000001", serial: "1", vendor: "SANLAB", product: "TEST", revision: "1" };
  const inventory = new FixedInventory(new Map([[0, new LogicalUnit(device, identity)]]));
  const server = new BlockDeviceServer({ inventory });
  const target = new Target({ name: TARGET, access: { authorize: () => true }, server, ...options });
  const errors: unknown[] = [];
  target.on("error", (error) => errors.push(error));
  owner.teardown(async () => {
    device.release();
    await target.close();
  });
  const portal = await target.listen({ host: "127.0.0.1", port: 0 });
  const connect = () => RawInitiator.connect(owner, portal);
  const login = async (keys: Keys = {}, step: LoginStep = {}): Promise<RawInitiator> => {
    const initiator = await connect();
    await initiator.login({ ...INTRODUCTION, ...keys }, step);
    initiator.command([0]);
    await initiator.receive();
    return initiator;
  };
  return { target, portal, device, errors, connect, login };
}
