/** Logical units of an agent's process as initiators reach them: through the device server itself, without a transport. */
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import {
  type Execution,
  type Nexus,
  type ScsiTask,
  Status,
  type TargetPort,
  TaskAttribute,
} from "node-iscsi-target/scsi/transport.ts";
import type { Lab } from "./lab.ts";
import type { SimUnit } from "./sim-agent.ts";

/** Key of UNIT ATTENTION sense data. */
const UNIT_ATTENTION = 0x6;

export type Answer = "good" | "conflict" | "attention" | "failed";

export class ScsiPort {
  relativePortId = 0;
  readonly #server: BlockDeviceServer;
  readonly #name: string;
  readonly #nexuses = new Map<string, Nexus>();

  constructor(lab: Lab, name: string, units: ReadonlyMap<string, SimUnit>) {
    this.#name = `iqn.2026-11.example:${name}`;
    const bug = (fields: object, message: string) => lab.bug(name, `${message} ${JSON.stringify(fields)}`);
    // A unit's number is its LUN.
    const lookup = (_: Nexus, lun: number) => units.get(`unit-t${lun}`)?.logicalUnit;
    const list = () => [...units.keys()].map(lunOf).sort((a, b) => a - b);
    this.#server = new BlockDeviceServer({ inventory: { lookup, list }, logger: { error: bug } });
  }

  task(initiator: string, unit: string, cdb: Uint8Array, dataOutBytes: number): ScsiTask {
    return {
      nexus: this.#nexus(initiator),
      lun: BigInt(lunOf(unit)) << 48n,
      cdb,
      attribute: TaskAttribute.SIMPLE,
      expectedInBytes: 0,
      expectedOutBytes: dataOutBytes,
      cancelled: false,
      onCancel: undefined,
      record: undefined,
    };
  }

  async run(task: ScsiTask, dataOut: Uint8Array): Promise<Answer> {
    const admission = this.#server.admit(task);
    if (admission.kind === "done") return answerOf(admission);
    return answerOf(await this.#server.execute(task, [dataOut]));
  }

  #nexus(initiator: string): Nexus {
    const known = this.#nexuses.get(initiator);
    if (known !== undefined) return known;
    const { relativePortId } = this;
    const targetPort: TargetPort = {
      name: `${this.#name},t,0x0001`,
      targetName: this.#name,
      relativePortId,
      portGroup: relativePortId,
      protocolIdentifier: 5,
    };
    const initiatorPort = `${initiator},i,0x000000000001`;
    const nexus = { id: `${initiator} ${this.#name}`, initiatorPort, initiatorName: initiator, targetPort };
    this.#nexuses.set(initiator, nexus);
    this.#server.nexusBegins(nexus);
    return nexus;
  }
}

function lunOf(unit: string): number {
  return Number(unit.slice("unit-t".length));
}

function answerOf(execution: Execution): Answer {
  if (execution.kind !== "done") return "failed";
  if (execution.status === Status.GOOD) return "good";
  if (execution.status === Status.RESERVATION_CONFLICT) return "conflict";
  // Descriptor sense has the key in byte 1, fixed sense in byte 2 (SPC-4 4.5).
  const [code = 0, first = 0, second = 0] = execution.sense ?? [];
  const key = ((code & 0x7f) < 0x72 ? second : first) & 0xf;
  return key === UNIT_ATTENTION ? "attention" : "failed";
}
