/**
 * Faults of storage devices as the controller itself meets them: where a fault names no agents, what the
 * controller copies from there, writes and zeroes there fails too.
 */
import type { InjectionCounter } from "node-iscsi-target/injection/agent-rule.ts";
import { DeviceRule, failureOf } from "node-iscsi-target/injection/device-rule.ts";
import { parseFault } from "node-iscsi-target/injection/parse.ts";
import type { MediumSource } from "../devices/medium.ts";
import type { AllRecords } from "../records.ts";
import { type Failure, faultyMedium } from "./faulty-medium.ts";
import { byAge, devicesNamed, matchOf } from "./item.ts";
import type { InjectionRecord } from "./record.ts";

/** Keeps its draws apart from those of agents, whose names have no slash. */
const STREAM = "/controller";

interface DeviceFault {
  readonly devices: readonly string[];
  readonly rule: DeviceRule;
}

export class DeviceFaults {
  readonly #records: AllRecords;
  /** With their counters, as long as they are on record; null: not for the controller. */
  readonly #known = new WeakMap<InjectionRecord, DeviceFault | null>();

  constructor(records: AllRecords) {
    this.#records = records;
  }

  /** The same devices, which fail on demand. */
  before(source: MediumSource): MediumSource {
    const failureAt =
      (uuid: string) =>
      (...io: Parameters<Failure>) =>
        this.#failure(uuid, io);
    return {
      canonicalPath: (path) => source.canonicalPath(path),
      open: (path, uuid) => faultyMedium(source.open(path, uuid), failureAt(uuid)),
      adopt: (path, label, options) => {
        const { medium, created } = source.adopt(path, label, options);
        return { medium: faultyMedium(medium, failureAt(label.uuid)), created };
      },
      release: (path, created) => source.release(path, created),
    };
  }

  /** Undefined: the fault is not one that the controller meets. */
  counter(record: InjectionRecord): InjectionCounter | undefined {
    return this.#faultOf(record)?.rule.counter;
  }

  #failure(uuid: string, io: Parameters<Failure>): Error | undefined {
    const { injections, devices } = this.#records;
    if (injections.isEmpty) return undefined;
    const device = devices.values().find((one) => one.uuid === uuid);
    if (device === undefined) return undefined;
    // Names are looked up each time: a device may have come, or gone, since the fault was added.
    const isHere = (fault: DeviceFault) =>
      fault.devices.some((name) => devicesNamed(this.#records, name).includes(device.device));
    const faults = byAge(this.#records).flatMap((record) => this.#faultOf(record) ?? []);
    const rules = faults.filter(isHere).map(({ rule }) => rule);
    const failure = failureOf(rules, ...io, Date.now());
    return failure && new Error(`${device.path} fails by a fault on demand`);
  }

  #faultOf(record: InjectionRecord): DeviceFault | null {
    const known = this.#known.get(record);
    if (known !== undefined) return known;
    const fault = faultOf(this.#records, record);
    this.#known.set(record, fault);
    return fault;
  }
}

function faultOf(records: AllRecords, { name, addedAtMs, text }: InjectionRecord): DeviceFault | null {
  const { on, when, effect } = parseFault(text);
  if (on.device === undefined || on.agent !== undefined) return null;
  const rule = { name, addedAtMs, when, effect, match: matchOf(records, on, undefined) };
  return { devices: on.device, rule: new DeviceRule(rule, STREAM) };
}
