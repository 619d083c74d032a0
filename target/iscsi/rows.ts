/** What a target tells of its sessions and commands, as its users see it. */
import { lunFromWire } from "../scsi/lun.ts";
import type { ScsiResult } from "../scsi/transport.ts";
import type { Connection } from "./connection.ts";
import type { Session } from "./session.ts";
import type { CommandRow, SessionRow } from "./target-options.ts";
import type { IscsiTask } from "./task.ts";

export function commandRow({ nexus, lun, cdb }: IscsiTask, { status, sense }: ScsiResult): CommandRow {
  return {
    session: nexus.id,
    initiator: nexus.initiatorName,
    lun: lunFromWire(lun),
    opcode: cdb[0] ?? 0,
    cdb,
    status,
    sense,
  };
}

export function row(connection: Connection, session: Session): SessionRow {
  return {
    id: session.nexus.id,
    initiator: session.nexus.initiatorName,
    address: connection.address,
    headerDigest: session.parameters.headerDigest,
    dataDigest: session.parameters.dataDigest,
    commands: session.commands,
    queue: session.tasks.size,
    bytesIn: connection.bytesIn,
    bytesOut: connection.writer.bytesOut,
  };
}
