/** REPORT TARGET PORT GROUPS (SPC-4 6.37): every port is active/optimized; nothing changes that yet. */
import { ReportTargetPortGroups } from "../cdb.ts";
import { type Command, goodWith } from "../command.ts";
import { ExtendedGroupsHeader, GroupsHeader, PortDescriptor, PortGroupDescriptor } from "../parameter-data.ts";
import type { ScsiResult, TargetPort } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

/** ASYMMETRIC ACCESS STATE 0h (SPC-4 6.37, table 335). */
const ACTIVE_OPTIMIZED = 0;
/** PARAMETER DATA FORMAT (SPC-4 6.37, table 332). */
const Format = { LENGTH_ONLY: 0, EXTENDED: 1 } as const;

export const reportPortGroupsCommands: readonly CommandDefinition[] = [
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
];

function reportTargetPortGroups({ cdb, task, server }: Command): ScsiResult {
  const groups = Map.groupBy(server.targetPorts(task.nexus), ({ portGroup }) => portGroup);
  const descriptors = Buffer.concat([...groups].map(([portGroup, ports]) => groupData(portGroup, ports)));
  const extended = ReportTargetPortGroups.format.get(cdb, 0) === Format.EXTENDED;
  const header = extended
    ? ExtendedGroupsHeader.encode({
        listBytes: ExtendedGroupsHeader.sizeBytes - 4 + descriptors.length,
        format: Format.EXTENDED,
      })
    : GroupsHeader.encode({ listBytes: descriptors.length });
  return goodWith(Buffer.concat([header, descriptors]), ReportTargetPortGroups.allocationBytes.get(cdb, 0));
}

function groupData(portGroup: number, ports: readonly TargetPort[]): Buffer {
  const header = PortGroupDescriptor.encode({
    accessState: ACTIVE_OPTIMIZED,
    activeOptimizedSupported: 1,
    portGroup,
    portCount: ports.length,
  });
  return Buffer.concat([header, ...ports.map(({ relativePortId }) => PortDescriptor.encode({ relativePortId }))]);
}
