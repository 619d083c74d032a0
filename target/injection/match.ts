/** Which commands a fault is for. */
import type { Command } from "../scsi/command.ts";
import type { CommandDefinition } from "../scsi/commands/definition.ts";
import type { AgentMatch } from "./agent-rule.ts";
import { firstOf } from "./bad-blocks.ts";
import type { InjectionPorts } from "./ports.ts";
import type { CommandEffect, Operation } from "./rule.ts";
import { slug } from "./selectors.ts";

export function matches(match: AgentMatch, command: Command): boolean {
  const { unit, task, definition } = command;
  if (match.serials?.includes(unit.identity.serial) === false) return false;
  if (match.initiators?.includes(task.nexus.initiatorName) === false) return false;
  const { op, name, opcode } = kindOf(definition);
  if (match.ops?.includes(op) === false) return false;
  if (match.commands !== undefined && !match.commands.includes(name) && !match.commands.includes(opcode)) return false;
  return match.lba === undefined || firstOf(match.lba, command.lba, command.blocks) !== undefined;
}

/** Whether the effect can happen to the command at all: one that cannot is no match. */
export function suits({ kind }: CommandEffect, { definition, task, blocks }: Command, ports: InjectionPorts): boolean {
  if (kind === "bad-blocks") return blocks > 0 && (definition.access === "read" || definition.access === "write");
  if (kind === "lose-write") return definition.access === "write";
  if (kind === "damage-digest") return ports.hasDigest(task.nexus);
  return kind !== "short-data" || task.expectedInBytes > 0;
}

interface Kind {
  readonly op: Operation;
  readonly name: string;
  readonly opcode: string;
}

const kinds = new WeakMap<CommandDefinition, Kind>();

function kindOf(definition: CommandDefinition): Kind {
  let kind = kinds.get(definition);
  if (kind === undefined) {
    const { name, opcode } = definition.cdb;
    kind = { op: operationOf(definition), name: slug(name), opcode: `0x${opcode.toString(16).padStart(2, "0")}` };
    kinds.set(definition, kind);
  }
  return kind;
}

function operationOf({ cdb, access }: CommandDefinition): Operation {
  if (cdb.name.startsWith("SYNCHRONIZE CACHE")) return "flush";
  if (cdb.name === "UNMAP") return "unmap";
  return access === "read" || access === "write" ? access : "other";
}
