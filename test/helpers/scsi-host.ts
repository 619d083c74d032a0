import type { CdbLayout } from "node-iscsi-target/scsi/cdb.ts";
import { Condition } from "node-iscsi-target/scsi/condition.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit, type LogicalUnitIdentity } from "node-iscsi-target/scsi/logical-unit.ts";
import { DescriptorSense, FixedSense } from "node-iscsi-target/scsi/sense.ts";
import { FixedInventory, type LunInventory } from "node-iscsi-target/scsi/server-context.ts";
import {
  type Aborted,
  type Execution,
  type Nexus,
  type ScsiResult,
  type ScsiTask,
  Status,
  type TargetPort,
  TaskAttribute,
} from "node-iscsi-target/scsi/transport.ts";
import { ScriptedDevice, type ScriptedDeviceOptions } from "./scripted-device.ts";

export const IDENTITY: LogicalUnitIdentity = {
  naa: "6001405aabbccdd0011223344556677f",
  serial: "SERIAL-0001",
  vendor: "SANLAB",
  product: "VIRTUAL-DISK",
  revision: "0001",
};

export const PORT: TargetPort = {
  name: "iqn.2026-01.net.example:t1,t,0x0001",
  targetName: "iqn.2026-01.net.example:t1",
  relativePortId: 7,
  portGroup: 3,
  protocolIdentifier: 5,
};

/** The CDB that a layout describes, with these fields. */
export function cdbOf<L extends CdbLayout & { encode(values: never): Buffer }>(
  layout: L,
  values: Parameters<L["encode"]>[0] = {} as Parameters<L["encode"]>[0],
): Buffer {
  const cdb = layout.encode(values as never);
  cdb[0] = layout.opcode;
  if (layout.serviceAction !== undefined) cdb[1] = (cdb[1] ?? 0) | layout.serviceAction;
  return cdb;
}

export interface SendOptions {
  readonly lun?: number;
  /** The eight bytes on the wire, where `lun` cannot say them. */
  readonly wireLun?: bigint;
  readonly attribute?: TaskAttribute;
  readonly expectedInBytes?: number;
  readonly expectedOutBytes?: number;
}

export interface Sent {
  readonly task: ScsiTask;
  /** What the host gets; undefined where the task was aborted silently. */
  readonly answer: Promise<Answer>;
}

export type Answer = ScsiResult | Aborted;

let hosts = 0;

/** An initiator that speaks to the device server as a transport does, without wires. */
export class ScsiHost {
  readonly nexus: Nexus;
  readonly #server: BlockDeviceServer;

  constructor(
    server: BlockDeviceServer,
    name = `iqn.2026-01.net.example:host${++hosts}`,
    targetPort: TargetPort = PORT,
  ) {
    this.#server = server;
    const initiatorPort = `${name},i,0x000000000001`;
    this.nexus = { id: `${name}-${++hosts}`, initiatorPort, initiatorName: name, targetPort };
    server.nexusBegins(this.nexus);
  }

  task(cdb: Uint8Array, { lun = 0, wireLun, attribute = TaskAttribute.SIMPLE, ...sizes }: SendOptions = {}): ScsiTask {
    return {
      nexus: this.nexus,
      lun: wireLun ?? BigInt(lun) << 48n,
      cdb,
      attribute,
      expectedInBytes: sizes.expectedInBytes ?? 0x1000_0000,
      expectedOutBytes: sizes.expectedOutBytes ?? 0x1000_0000,
      cancelled: false,
      onCancel: undefined,
      record: undefined,
    };
  }

  /** Begins a command with all of its data; it may still be under way afterwards. */
  start(cdb: Uint8Array, dataOut: Uint8Array = Buffer.alloc(0), options: SendOptions = {}): Sent {
    const task = this.task(cdb, { expectedOutBytes: dataOut.length, ...options });
    const admission = this.#server.admit(task);
    if (admission.kind === "done") return { task, answer: Promise.resolve(admission) };
    return { task, answer: Promise.resolve(this.#server.execute(task, pieces(dataOut, admission.dataOutBytes))) };
  }

  /** The whole command. A pending unit attention is the answer, as for any initiator. */
  async send(cdb: Uint8Array, dataOut?: Uint8Array, options?: SendOptions): Promise<ScsiResult> {
    const answer = await this.start(cdb, dataOut, options).answer;
    if (answer.kind === "aborted") throw new Error("The command was aborted.");
    return answer;
  }

  /** Takes the unit attentions that are pending and returns what they were. */
  async attentions(lun = 0): Promise<string[]> {
    const seen: string[] = [];
    for (;;) {
      const result = await this.send(Buffer.alloc(6), undefined, { lun });
      if (result.status !== Status.CHECK_CONDITION || senseOf(result).senseKey !== 6) return seen;
      seen.push(senseName(result));
    }
  }
}

/** As a transport would hand it over: cut to what was asked for, in more than one piece. */
function pieces(data: Uint8Array, bytes: number): Uint8Array[] {
  const wanted = data.subarray(0, bytes);
  if (wanted.length < 2) return wanted.length === 0 ? [] : [wanted];
  const middle = Math.floor(wanted.length / 3) + 1;
  return [wanted.subarray(0, middle), wanted.subarray(middle)].filter((piece) => piece.length > 0);
}

export interface Sense {
  readonly senseKey: number;
  readonly asc: number;
  readonly ascq: number;
}

export function senseOf(result: Execution): Sense {
  if (result.kind !== "done" || !result.sense) throw new Error("There is no sense data.");
  return ((result.sense[0] ?? 0) & 0x7f) < 0x72
    ? FixedSense.decode(result.sense)
    : DescriptorSense.decode(result.sense);
}

/** The name of the condition in `Condition`, "GOOD", or key/asc/ascq in hexadecimal. */
export function senseName(result: Execution): string {
  if (result.kind === "aborted") return "aborted";
  if (result.status === Status.GOOD) return "GOOD";
  if (result.status !== Status.CHECK_CONDITION) return `status ${result.status}`;
  const { senseKey, asc, ascq } = senseOf(result);
  const known = Object.entries(Condition).find(
    ([, condition]) => condition.senseKey === senseKey && condition.asc === asc && condition.ascq === ascq,
  );
  return known?.[0] ?? [senseKey, asc, ascq].map((byte) => byte.toString(16).padStart(2, "0")).join("/");
}

export interface Rig {
  readonly device: ScriptedDevice;
  readonly unit: LogicalUnit;
  readonly server: BlockDeviceServer;
  readonly host: ScsiHost;
  /** What was logged as a bug. */
  readonly bugs: unknown[];
}

/** One unit as LUN 0, and a host that has taken its power-on attention. */
export async function rig(options: ScriptedDeviceOptions & Partial<LogicalUnitIdentity> = {}): Promise<Rig> {
  const device = new ScriptedDevice(options);
  const unit = new LogicalUnit(device, { ...IDENTITY, ...identityOf(options) });
  const bugs: unknown[] = [];
  const inventory: LunInventory = new FixedInventory(new Map([[0, unit]]));
  const server = new BlockDeviceServer({ inventory, logger: { error: (fields) => void bugs.push(fields) } });
  const host = new ScsiHost(server);
  await host.attentions();
  return { device, unit, server, host, bugs };
}

function identityOf({ removable, serial }: Partial<LogicalUnitIdentity>): Partial<LogicalUnitIdentity> {
  return { ...(removable === undefined ? {} : { removable }), ...(serial === undefined ? {} : { serial }) };
}

/** A second host that has taken its power-on attention. */
export async function anotherHost(server: BlockDeviceServer): Promise<ScsiHost> {
  const host = new ScsiHost(server);
  await host.attentions();
  return host;
}
