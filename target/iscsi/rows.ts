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

/** `connections`: at least one of the session's. */
export function row(session: Session, connections: readonly Connection[]): SessionRow {
  const [first] = connections;
  const sum = (bytes: (connection: Connection) => number) => connections.reduce((total, one) => total + bytes(one), 0);
  return {
    id: session.nexus.id,
    initiator: session.nexus.initiatorName,
    address: first?.address ?? "?",
    headerDigest: first?.writer.headerDigest ?? false,
    dataDigest: first?.writer.dataDigest ?? false,
    commands: session.commands,
    queue: session.tasks.size,
    bytesIn: sum(({ bytesIn }) => bytesIn),
    bytesOut: sum(({ writer }) => writer.bytesOut),
  };
}
