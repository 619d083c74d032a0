import type { CdbLayout } from "../cdb.ts";
import type { Command } from "../command.ts";
import type { LogicalUnit } from "../logical-unit.ts";
import type { Conflicts } from "../reservations/reservations.ts";
import type { ServerContext } from "../server-context.ts";
import type { Execution, ScsiResult, ScsiTask } from "../transport.ts";

/**
 * What a command does to the medium. It decides what an ejected or write-protected medium
 * refuses.
 *
 * - `none`: parameters only; served in every state.
 * - `ready`: needs a medium that could be used.
 * - `read`, `write`: moves, compares or changes logical blocks.
 */
export type Access = "none" | "ready" | "read" | "write";

/** One row of the command table. REPORT SUPPORTED OPERATION CODES answers from the same rows. */
export interface CommandDefinition {
  readonly cdb: CdbLayout;
  readonly access: Access;
  /** Which reservations of others stop it; a function where its own fields decide. */
  readonly conflicts: Conflicts | ((cdb: Uint8Array) => Conflicts);
  /** Carried out although a unit attention is pending: INQUIRY, REPORT LUNS, REQUEST SENSE (SAM-5 5.14). */
  readonly duringAttention?: true;
  /** No other command on the same blocks is carried out meanwhile (SBC-4 4.30). */
  readonly atomic?: true;
  /** Accepted by a unit whose last SANITIZE failed, although it moves blocks. */
  readonly afterFailedSanitize?: true;
  /** Absent: every unit has it. */
  readonly supported?: (unit: LogicalUnit) => boolean;
  /** The answer where the LUN names no unit (SPC-4 5.11); absent: LOGICAL UNIT NOT SUPPORTED. */
  readonly withoutUnit?: (task: ScsiTask, lun: number | undefined, server: ServerContext) => ScsiResult;
  /** Checks the CDB, sets range and `dataOutBytes`; a result ends the command here. */
  readonly admit?: (command: Command) => ScsiResult | undefined;
  /** With all of the data that came, which may be less than `dataOutBytes`. */
  readonly execute: (command: Command, dataOut: readonly Uint8Array[]) => Execution | Promise<Execution>;
}
