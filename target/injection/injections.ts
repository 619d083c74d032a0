/** The faults of an agent that happen to commands: consulted by the task set, in the order in which they were added. */
import type { Command } from "../scsi/command.ts";
import type { Injector } from "../scsi/injector.ts";
import type { Execution } from "../scsi/transport.ts";
import type { AgentRule, InjectionCounter } from "./agent-rule.ts";
import { BadBlocks } from "./bad-blocks.ts";
import { ENDINGS, type Ending, isEnding } from "./endings.ts";
import { matches, suits } from "./match.ts";
import type { InjectionPorts } from "./ports.ts";
import type { CommandEffect } from "./rule.ts";
import { Trigger } from "./trigger.ts";
import { afterWaits, delayed, Stuck, Throughput, type Wait } from "./waits.ts";

export class Injections implements Injector {
  readonly #ports: InjectionPorts;
  #rules: CommandRule[] = [];

  constructor(ports: InjectionPorts) {
    this.#ports = ports;
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /** These from now on. Those that are there already keep their counters; what is stuck on others goes on. */
  set(rules: readonly AgentRule[]): void {
    const before = this.#rules;
    this.#rules = rules
      .filter(isOfCommands)
      .map((rule) => before.find((old) => old.is(rule))?.updated(rule) ?? new CommandRule(rule, this.#ports));
    for (const old of before) if (!this.#rules.includes(old)) old.stuck.release();
  }

  counters(): InjectionCounter[] {
    return this.#rules.map(({ rule: { name }, trigger: { matched, fired } }) => ({ name, matched, fired }));
  }

  execute(command: Command, dataOut: readonly Uint8Array[]): Execution | Promise<Execution> | undefined {
    let waits: readonly Wait[] | undefined;
    const proceed = () => command.definition.execute(command, dataOut);
    for (const rule of this.#rules) {
      if (!rule.fires(command)) continue;
      const { effect, match } = rule.rule;
      if (isEnding(effect)) {
        const {
          bad,
          rule: { name },
        } = rule;
        const ending = { command, match, ports: this.#ports, proceed, fault: name, bad };
        return waits === undefined ? end(ending, effect) : afterWaits(waits, command, () => end(ending, effect));
      }
      const wait = rule.wait(command);
      if (wait !== undefined) waits = waits === undefined ? [wait] : [...waits, wait];
    }
    return waits && afterWaits(waits, command, proceed);
  }
}

type RuleOfCommands = AgentRule & { readonly effect: CommandEffect };

function isOfCommands(rule: AgentRule): rule is RuleOfCommands {
  const { effect } = rule;
  return effect.kind in ENDINGS || effect.kind === "delay" || effect.kind === "stuck" || effect.kind === "throughput";
}

function end(ending: Ending, effect: CommandEffect): Execution | Promise<Execution> {
  const how = ENDINGS[effect.kind as keyof typeof ENDINGS] as (
    ending: Ending,
    effect: CommandEffect,
  ) => Execution | Promise<Execution>;
  return how(ending, effect);
}

class CommandRule {
  readonly rule: RuleOfCommands;
  readonly trigger: Trigger;
  readonly stuck = new Stuck();
  readonly bad: BadBlocks | undefined;
  readonly #ports: InjectionPorts;
  readonly #text: string;
  readonly #throughput: Throughput | undefined;

  constructor(rule: RuleOfCommands, ports: InjectionPorts) {
    this.rule = rule;
    this.trigger = new Trigger(rule.when, rule.addedAtMs, ports.stream);
    this.#ports = ports;
    this.#text = textOf(rule);
    const { lba } = rule.match;
    if (rule.effect.kind === "bad-blocks" && lba !== undefined) this.bad = new BadBlocks(lba, rule.repaired);
    this.#throughput = rule.effect.kind === "throughput" ? new Throughput(rule.effect.bytesPerSecond) : undefined;
  }

  is(rule: AgentRule): boolean {
    return textOf(rule) === this.#text;
  }

  /** What was repaired through other agents is repaired here. */
  updated(rule: AgentRule): this {
    for (const { first, last } of rule.repaired ?? []) this.bad?.repair(first, last);
    return this;
  }

  fires(command: Command): boolean {
    const { match, effect } = this.rule;
    if (this.bad !== undefined && this.bad.firstIn(command.lba, command.blocks) === undefined) return false;
    return matches(match, command) && suits(effect, command, this.#ports) && this.trigger.fires(this.#ports.nowMs());
  }

  wait(command: Command): Wait | undefined {
    const { effect } = this.rule;
    if (effect.kind === "stuck") return this.stuck.wait;
    if (effect.kind === "delay") {
      return delayed(effect.minMs + (effect.maxMs - effect.minMs) * this.trigger.drawn(), this.#ports);
    }
    const ms = this.#throughput?.take(bytesOf(command), this.#ports.nowMs()) ?? 0;
    return ms > 0 ? delayed(ms, this.#ports) : undefined;
  }
}

/** What makes it this fault, and not what has become of it. */
function textOf({ name, addedAtMs, effect, when, match }: AgentRule): string {
  return JSON.stringify([name, addedAtMs, effect, when, match]);
}

function bytesOf({ blocks, unit, task }: Command): number {
  return blocks > 0 ? blocks * unit.blockBytes : task.expectedInBytes + task.expectedOutBytes;
}
