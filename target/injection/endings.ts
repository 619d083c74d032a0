/** Effects that decide how a command ends. */
import type { Command } from "../scsi/command.ts";
import { Condition, SenseKey } from "../scsi/condition.ts";
import { type Execution, type ScsiResult, Status } from "../scsi/transport.ts";
import type { AgentMatch } from "./agent-rule.ts";
import { type BadBlocks, firstOf } from "./bad-blocks.ts";
import type { InjectionPorts } from "./ports.ts";
import type { CommandEffect } from "./rule.ts";

export interface Ending {
  readonly command: Command;
  readonly match: AgentMatch;
  readonly ports: InjectionPorts;
  /** The fault's name, and of bad blocks which are bad still. */
  readonly fault: string;
  readonly bad: BadBlocks | undefined;
  /** Carries the command out. */
  readonly proceed: () => Execution | Promise<Execution>;
}

type EndingKind = Exclude<CommandEffect["kind"], "delay" | "stuck" | "throughput">;
type EffectOf<Kind> = Extract<CommandEffect, { kind: Kind }>;

const NO_RESPONSE: Execution = { kind: "aborted", reportStatus: false };

export const ENDINGS: {
  readonly [Kind in EndingKind]: (
    ending: Ending,
    effect: CommandEffect & { kind: Kind },
  ) => Execution | Promise<Execution>;
} = {
  sense: (ending, effect) => sense(ending, effect),
  busy: () => ({ kind: "done", status: Status.BUSY }),
  "task-set-full": () => ({ kind: "done", status: Status.TASK_SET_FULL }),
  "reservation-conflict": () => ({ kind: "done", status: Status.RESERVATION_CONFLICT }),
  "drop-connection": ({ command, ports }) => {
    ports.reset(command.task.nexus);
    return NO_RESPONSE;
  },
  "lose-write": ({ command }) => command.taken(),
  "lose-response": ({ proceed }) => then(proceed(), () => NO_RESPONSE),
  "damage-digest": ({ command, ports, proceed }) =>
    then(proceed(), (execution) => {
      ports.damageNextDigest(command.task.nexus);
      return execution;
    }),
  "bad-blocks": (ending) => badBlocks(ending),
  "short-data": ({ proceed }, { bytes }) => then(proceed(), (execution) => cut(execution, bytes)),
};

export function isEnding(effect: CommandEffect): effect is EffectOf<EndingKind> {
  return effect.kind in ENDINGS;
}

/** A write that has ended well repairs what it covers; a read of what is bad fails, as a medium reports it (SBC-4 4.18). */
function badBlocks({ command, bad, fault, ports, proceed }: Ending): Execution | Promise<Execution> {
  const { lba, blocks, definition } = command;
  const first = bad?.firstIn(lba, blocks);
  if (bad === undefined || first === undefined) return proceed();
  if (definition.access !== "write") return command.fail(Condition.UNRECOVERED_READ_ERROR, { information: first });
  return then(proceed(), (execution) => {
    if (execution.kind !== "done" || execution.status !== Status.GOOD) return execution;
    bad.repair(lba, lba + blocks - 1);
    ports.repaired(fault, lba, lba + blocks - 1);
    return execution;
  });
}

/** INFORMATION is the first block concerned, as a medium reports it (SBC-4 4.18). */
function sense({ command, match }: Ending, condition: EffectOf<"sense">): ScsiResult {
  const { lba, blocks } = command;
  if (condition.senseKey !== SenseKey.MEDIUM_ERROR || blocks === 0) return command.fail(condition);
  return command.fail(condition, { information: firstOf(match.lba ?? [], lba, blocks) ?? lba });
}

/** Less data than the command asked for, with the residual that tells (SAM-5 5.4.2, RFC 7143 11.4.5.2). */
function cut(execution: Execution, bytes: number): Execution {
  if (execution.kind !== "done" || execution.dataIn === undefined || execution.dataIn.length <= bytes) return execution;
  return { ...execution, dataIn: execution.dataIn.subarray(0, bytes), dataInBytes: bytes };
}

function then(
  execution: Execution | Promise<Execution>,
  change: (execution: Execution) => Execution,
): Execution | Promise<Execution> {
  return execution instanceof Promise ? execution.then(change) : change(execution);
}
