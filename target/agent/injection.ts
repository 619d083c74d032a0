/** Faults on demand at an agent: commands, storage devices, the portal. */
import type { AgentRule, InjectionCounter } from "../injection/agent-rule.ts";
import { DeviceRule } from "../injection/device-rule.ts";
import { FaultyDevice } from "../injection/faulty-device.ts";
import { Injections } from "../injection/injections.ts";
import { Trigger } from "../injection/trigger.ts";
import type { Target } from "../iscsi/target.ts";
import type { BlockDeviceServer } from "../scsi/device-server.ts";
import type { BlockDevice } from "../storage/block-device.ts";
import type { OpenDevice } from "./devices.ts";

/** A portal whose address was taken meanwhile is bound again as soon as it is free. */
const RETRY_MS = 500;
/** The longest wait of a timer. */
const MAX_WAIT_MS = 2 ** 31 - 1;

export class AgentInjections {
  readonly #log: (line: string) => void;
  readonly #stream: string;
  readonly #ofCommands: Injections;
  #ofDevices: DeviceRule[] = [];
  #ofPortal: { readonly rule: AgentRule; readonly trigger: Trigger }[] = [];
  #target: Target | undefined;
  #server: BlockDeviceServer | undefined;
  #isDown = false;
  #timer: NodeJS.Timeout | undefined;

  /** Told when blocks that were bad have been written anew. */
  onRepaired: (fault: string, first: number, last: number) => void = () => undefined;

  constructor(agent: string, log: (line: string) => void) {
    this.#log = log;
    this.#stream = agent;
    this.#ofCommands = new Injections({
      stream: agent,
      nowMs: Date.now,
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      repaired: (fault, first, last) => this.onRepaired(fault, first, last),
      reset: (nexus) => this.#target?.reset(nexus),
      hasDigest: (nexus) => this.#target?.hasDigest(nexus) === true,
      damageNextDigest: (nexus) => this.#target?.damageNextDigest(nexus),
    });
  }

  attach(target: Target, server: BlockDeviceServer): void {
    this.#target = target;
    this.#server = server;
    this.#apply();
  }

  /** These from now on; those that stay keep their counters. */
  set(rules: readonly AgentRule[], devices: Map<number, OpenDevice>): void {
    this.#ofCommands.set(rules);
    this.#ofDevices = rules
      .filter(isOfDevices)
      .map((rule) => same(this.#ofDevices, rule) ?? new DeviceRule(rule, this.#stream));
    const ofPortal = rules.filter(({ effect }) => effect.kind === "portal-down");
    this.#ofPortal = ofPortal.map(
      (rule) => same(this.#ofPortal, rule) ?? { rule, trigger: new Trigger(rule.when, rule.addedAtMs, "") },
    );
    for (const [number, open] of devices) devices.set(number, { ...open, device: this.before(number, open.device) });
    this.#apply();
  }

  /** What the agent is to use for a storage device: the device itself, where no fault is for it. */
  before(number: number, device: BlockDevice): BlockDevice {
    const real = device instanceof FaultyDevice ? device.device : device;
    const rules = this.#ofDevices.filter(({ rule }) => rule.match.devices?.includes(number));
    return rules.length === 0 ? real : new FaultyDevice(real, rules, Date.now);
  }

  counters(): InjectionCounter[] {
    const ofPortal = this.#ofPortal.map(({ rule: { name }, trigger: { matched, fired } }) => ({
      name,
      matched,
      fired,
    }));
    return [...this.#ofCommands.counters(), ...this.#ofDevices.map(({ counter }) => counter), ...ofPortal];
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#target = undefined;
  }

  #apply(): void {
    if (this.#server !== undefined) this.#server.injector = this.#ofCommands.isEmpty ? undefined : this.#ofCommands;
    this.#movePortal();
  }

  /** Down while a rule says so; looked at again when the next `from` or `until` comes. */
  #movePortal(): void {
    clearTimeout(this.#timer);
    const nowMs = Date.now();
    const isDown = this.#ofPortal.some(({ trigger }) => trigger.isOpen(nowMs));
    if (isDown && !this.#isDown) for (const { trigger } of this.#ofPortal) trigger.fires(nowMs);
    if (isDown !== this.#isDown && this.#target !== undefined) this.#turn(this.#target, isDown);
    const boundsMs = this.#ofPortal.flatMap(({ rule }) => bounds(rule)).filter((atMs) => atMs > nowMs);
    if (boundsMs.length === 0) return;
    this.#timer = setTimeout(() => this.#movePortal(), Math.min(MAX_WAIT_MS, Math.min(...boundsMs) - nowMs));
    this.#timer.unref();
  }

  #turn(target: Target, isDown: boolean): void {
    this.#isDown = isDown;
    this.#log(isDown ? "portal taken down by a fault" : "portal up again");
    if (isDown) return target.suspend();
    target.resume().catch((error: unknown) => {
      this.#log(String(error));
      this.#isDown = true;
      this.#timer = setTimeout(() => this.#movePortal(), RETRY_MS);
    });
  }
}

function isOfDevices({ effect }: AgentRule): boolean {
  return effect.kind === "device-error" || effect.kind === "device-loss";
}

function same<Rule extends { readonly rule: AgentRule }>(before: readonly Rule[], rule: AgentRule): Rule | undefined {
  return before.find((old) => JSON.stringify(old.rule) === JSON.stringify(rule));
}

/** When it begins, and the first moment at which it is over. */
function bounds({ when: { from, until }, addedAtMs }: AgentRule): number[] {
  const fromMs = from !== undefined && "afterMs" in from ? [addedAtMs + from.afterMs] : [];
  const untilMs = until !== undefined && "afterMs" in until ? [addedAtMs + until.afterMs + 1] : [];
  return [...fromMs, ...untilMs];
}
