/**
 * The messages between agent (110) and controller (120): docs/protocol.md, Messages.
 *
 * JSON objects with a `type`; a chunk of a table is one binary frame (see `ChunkFrame`). The
 * transport (a WebSocket) loses, repeats and reorders nothing while a connection lives, but
 * connections end at any time, so every rule here holds under loss and repetition.
 *
 * Identity. Every message carries `cluster`, and, after `hello`, `incarnation` (of the agent's
 * process, given by the controller, durable before anything is granted to it) and `epoch` (of
 * the controller's process, durable before it speaks). A receiver drops a message in which any
 * of them is not the current one.
 *
 * Order. The controller's numbered messages (`Numbered`) carry `seq`: 1, 2, 3… within incarnation
 * and epoch. The agent applies them in order, once each, and acknowledges each by its number when
 * its effect is complete (a blocking `set_entry`: when every I/O that held a reference under the old
 * entries has ended; later messages are applied meanwhile). After a reconnection within one epoch
 * the controller repeats what was not acknowledged; the agent acknowledges repeats again.
 *
 * A new epoch. An agent that outlived the controller keeps serving from its tables. The new
 * controller answers its hello with `welcome` (numbers begin at 1), then `keep`, then repeats
 * its creations and publications (they change nothing where nothing changed), and sets every
 * entry of every table to Inv with the blocking flag; only when that is acknowledged, or the
 * agent is fenced, does it act on a table which the agent had.
 *
 * Leases. An agent that the controller cannot kill asks for renewals with a nonce; its lease runs
 * from the moment it sent the request that was answered, so a late answer gives it less time and
 * never more. Once the controller goes on without it, that incarnation is never welcome again: the
 * agent drops all it has and comes back as a new one.
 */

import type { AddDevice, Keep, RemoveDevice, Unsynced } from "./messages/devices.ts";
import type { Alone, Exclude, Excluded, Hold, Holding, Readmit, Readmitted, Unhold } from "./messages/exclusions.ts";
import type { Farewell, Lease, Renew, SetPortGroups } from "./messages/lease.ts";
import type {
  PublishHost,
  PublishUnit,
  Repaired,
  SetChap,
  SetInjections,
  UnpublishHost,
  UnpublishUnit,
} from "./messages/publication.ts";
import type { Answer, Question } from "./messages/questions.ts";
import type { Ack, Hello, Listening, Refused, Welcome } from "./messages/session.ts";
import type {
  ChunkFrame,
  CreateTable,
  DeleteTable,
  Fault,
  FaultResponse,
  ProtectTable,
  ResizeTable,
  SetEntry,
  Unmap,
  UnmapResponse,
} from "./messages/tables.ts";
import type { SetPorts, SetUnit, UnitRequest, UnitResponse } from "./messages/units.ts";

export type { AgentCounters, TableCounters } from "./counters.ts";
export type * from "./messages/devices.ts";
export type * from "./messages/exclusions.ts";
export type * from "./messages/lease.ts";
export type * from "./messages/publication.ts";
export type * from "./messages/questions.ts";
export type * from "./messages/session.ts";
export type * from "./messages/tables.ts";
export type * from "./messages/units.ts";

export const PROTOCOL_VERSION = 4;

export type NumberedMessage =
  | Keep
  | AddDevice
  | RemoveDevice
  | CreateTable
  | ResizeTable
  | DeleteTable
  | SetEntry
  | ProtectTable
  | ChunkFrame
  | FaultResponse
  | UnmapResponse
  | PublishUnit
  | UnpublishUnit
  | SetUnit
  | SetPorts
  | UnitResponse
  | Hold
  | Unhold
  | Excluded
  | Readmitted
  | Alone
  | PublishHost
  | UnpublishHost
  | SetChap
  | SetInjections
  | SetPortGroups;
export type ToAgent = Welcome | Refused | Lease | Question | NumberedMessage;
export type ToController =
  | Hello
  | Listening
  | Ack
  | Renew
  | Farewell
  | Fault
  | Unmap
  | UnitRequest
  | Exclude
  | Readmit
  | Holding
  | Repaired
  | Unsynced
  | Answer;
