/** REPORT and SET TARGET PORT GROUPS (SPC-4 6.37, 6.45). */
import { type AccessState, isAccessState } from "../access-states.ts";
import { Attention } from "../attention.ts";
import { ReportTargetPortGroups, SetTargetPortGroups } from "../cdb.ts";
import { type Command, GOOD, goodWith } from "../command.ts";
import { Condition } from "../condition.ts";
import { locationOf } from "../fields.ts";
import { MAX_PARAMETER_LIST_BYTES } from "../limits.ts";
import type { UnitPort } from "../logical-unit.ts";
import {
  ExtendedGroupsHeader,
  GroupsHeader,
  PortDescriptor,
  PortGroupDescriptor,
  SetGroupDescriptor,
  SetGroupsHeader,
} from "../parameter-data.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { changeFor } from "../unit-change.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";

/** PARAMETER DATA FORMAT (SPC-4 6.37, table 332). */
const Format = { LENGTH_ONLY: 0, EXTENDED: 1 } as const;

export const portGroupCommands: readonly CommandDefinition[] = [
  {
    cdb: ReportTargetPortGroups,
    access: "none",
    conflicts: "never",
    admit(command) {
      const { format } = ReportTargetPortGroups;
      return format.get(command.cdb, 0) > Format.EXTENDED ? command.invalidField(format) : undefined;
    },
    execute: reportTargetPortGroups,
  },
  {
    cdb: SetTargetPortGroups,
    access: "none",
    conflicts: "any",
    // The other servers of a unit would go on as before.
    supported: ({ settableAccess }) => settableAccess,
    admit(command) {
      const bytes = SetTargetPortGroups.listBytes.get(command.cdb, 0);
      if (bytes > MAX_PARAMETER_LIST_BYTES) return command.invalidField(SetTargetPortGroups.listBytes);
      command.dataOutBytes = bytes;
      return undefined;
    },
    execute: setTargetPortGroups,
  },
];

function reportTargetPortGroups(command: Command): ScsiResult {
  const { cdb } = command;
  const descriptors = Buffer.concat([...groupsOf(command)].map((group) => groupData(command, ...group)));
  const extended = ReportTargetPortGroups.format.get(cdb, 0) === Format.EXTENDED;
  const header = extended
    ? ExtendedGroupsHeader.encode({
        listBytes: ExtendedGroupsHeader.sizeBytes - 4 + descriptors.length,
        format: Format.EXTENDED,
      })
    : GroupsHeader.encode({ listBytes: descriptors.length });
  return goodWith(Buffer.concat([header, descriptors]), ReportTargetPortGroups.allocationBytes.get(cdb, 0));
}

/** Every port through which the unit can be reached, whichever device server has it. */
export function portsOf({ unit, server, task }: Command): readonly UnitPort[] {
  return unit.ports ?? server.targetPorts(task.nexus);
}

function groupsOf(command: Command): Map<number, UnitPort[]> {
  return Map.groupBy(portsOf(command), ({ portGroup }) => portGroup);
}

function groupData({ unit }: Command, portGroup: number, ports: readonly UnitPort[]): Buffer {
  const settable = unit.settableAccess ? 1 : 0;
  const header = PortGroupDescriptor.encode({
    accessState: unit.accessStates.of(portGroup),
    statusCode: unit.accessStates.statusCode(portGroup),
    activeOptimizedSupported: 1,
    activeNonOptimizedSupported: settable,
    standbySupported: settable,
    unavailableSupported: settable | Number(unit.servedElsewhere),
    portGroup,
    portCount: ports.length,
  });
  return Buffer.concat([header, ...ports.map(({ relativePortId }) => PortDescriptor.encode({ relativePortId }))]);
}

/** All of the list is checked before any of it counts; the hosts on all paths are told (SPC-4 5.15.2.5). */
async function setTargetPortGroups(command: Command, dataOut: readonly Uint8Array[]): Promise<Execution> {
  const { unit, itl } = command;
  if (command.dataOutBytes === 0) return GOOD;
  const list = gather(dataOut, command.dataOutBytes);
  const whole = (list.length - SetGroupsHeader.sizeBytes) % SetGroupDescriptor.sizeBytes === 0;
  if (list.length < command.dataOutBytes || !whole) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const groups = groupsOf(command);
  const wanted: (readonly [portGroup: number, state: AccessState])[] = [];
  for (let at = SetGroupsHeader.sizeBytes; at < list.length; at += SetGroupDescriptor.sizeBytes) {
    const { accessState, portGroup } = SetGroupDescriptor.decode(list, at);
    if (!isAccessState(accessState))
      return command.invalidParameter(at + locationOf(SetGroupDescriptor.accessState).byte);
    if (!groups.has(portGroup)) return command.invalidParameter(at + locationOf(SetGroupDescriptor.portGroup).byte);
    wanted.push([portGroup, accessState]);
  }
  const failure = await changeFor(command, () => {
    if (wanted.every(([portGroup, state]) => unit.accessStates.of(portGroup) === state)) return undefined;
    const notices = [{ to: "others", attention: Attention.ACCESS_STATE_CHANGED }] as const;
    return { by: itl, command, access: unit.accessStates.withCommand(wanted), notices };
  });
  return failure ?? command.taken();
}
