/** Effects that decide how a command ends. */
import type { Command } from "../scsi/command.ts";
import { SenseKey } from "../scsi/condition.ts";
import { type Execution, type ScsiResult, Status } from "../scsi/transport.ts";
import type { AgentMatch } from "./agent-rule.ts";
import type { InjectionPorts } from "./ports.ts";
import type { CommandEffect } from "./rule.ts";

export interface Ending {
  readonly command: Command;
  readonly match: AgentMatch;
  readonly ports: InjectionPorts;
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
  "short-data": ({ proceed }, { bytes }) => then(proceed(), (execution) => cut(execution, bytes)),
};

export function isEnding(effect: CommandEffect): effect is EffectOf<EndingKind> {
  return effect.kind in ENDINGS;
}

/** INFORMATION is the first block concerned, as a medium reports it (SBC-4 4.18). */
function sense({ command, match }: Ending, condition: EffectOf<"sense">): ScsiResult {
  if (condition.senseKey !== SenseKey.MEDIUM_ERROR || command.blocks === 0) return command.fail(condition);
  return command.fail(condition, { information: Math.max(command.lba, match.lba?.first ?? 0) });
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
