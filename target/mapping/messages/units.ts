/**
 * What a logical unit is, however many agents present it: kept by the controller, cached at the
 * agents, changed only through the controller (docs/protocol.md, Distributed SCSI semantics).
 *
 * A change names the revision that it was made from. The controller makes it durable together with
 * the number of the request, sends it to every agent of the unit, and answers when all have carried
 * it out. A request is repeated after a reconnection until it is answered, and changes nothing twice.
 */
import type { Envelope, Numbered } from "./session.ts";

/** An initiator port on an agent's port, by names that outlive it. */
export interface PortName {
  readonly initiatorPort: string;
  readonly relativePortId: number;
}

/** The persistent reservation (SPC-4 5.13); keys are in hexadecimal, since JSON has no numbers of 64 bits. */
export interface KeptReservations {
  readonly generation: number;
  /** APTPL. */
  readonly persistent: boolean;
  readonly registrations: readonly (PortName & { readonly key: string })[];
  readonly reservation: { readonly type: number; readonly holder: PortName } | null;
}

/** A nexus that lives; agents number those of their process. */
export interface NexusName {
  readonly agent: string;
  readonly incarnation: number;
  readonly nexus: number;
}

/** The access state of a target port group (SPC-4 6.37, tables 335 and 336); groups without a row are active/optimized. */
export interface AccessRow {
  readonly portGroup: number;
  readonly state: number;
  readonly status: number;
}

/** Parts of what a unit is; a change has those that it replaces. */
export interface UnitParts {
  readonly reservations: KeptReservations;
  /** Whose it is by RESERVE (SPC-2 5.5). */
  readonly reserver: NexusName | null;
  /** Mode parameters by name, where they differ from what a reset leaves. */
  readonly mode: Readonly<Record<string, boolean>>;
  readonly access: readonly AccessRow[];
}

/** What a change does besides: unit attentions, and commands that end. */
export interface UnitEffects {
  readonly notices: readonly {
    readonly to: PortName | "all" | "others";
    readonly asc: number;
    readonly ascq: number;
  }[];
  readonly ends: "reset" | "clear" | readonly PortName[] | null;
}

/** Who asked for a change. */
export interface UnitAsker {
  readonly agent: string;
  readonly incarnation: number;
  readonly request: number;
}

export interface UnitState extends UnitParts {
  /** Grows with every change. */
  readonly revision: number;
  /** The latest changes, oldest first: an agent that missed some carries out their effects late rather than never. */
  readonly latest: readonly (UnitEffects & { readonly revision: number; readonly from: UnitAsker | null })[];
}

/** How many changes a state tells of: more than can be under way before every agent has acknowledged. */
export const LATEST_CHANGES = 8;

export const FRESH_UNIT: UnitState = Object.freeze({
  revision: 0,
  reservations: { generation: 0, persistent: false, registrations: [], reservation: null },
  reserver: null,
  mode: {},
  access: [],
  latest: [],
});

/** Controller → agent: acknowledged when the state stands, its effects are carried out, and what conflicts with it has ended. */
export interface SetUnit extends Numbered {
  readonly type: "set_unit";
  readonly unit: string;
  readonly state: UnitState;
}

/** Controller → agent: every port that presents the unit, those of other agents too. */
export interface SetPorts extends Numbered {
  readonly type: "set_ports";
  readonly unit: string;
  readonly ports: readonly { readonly relativePortId: number; readonly portGroup: number }[];
}

/** Agent → controller: a change. */
export interface UnitRequest extends Envelope {
  readonly type: "unit_request";
  readonly request: number;
  readonly unit: string;
  /** The revision that the change was made from. */
  readonly expected: number;
  readonly change: Partial<UnitParts> & UnitEffects;
}

/** Controller → agent: made; or stale (the unit has changed, and `state` is what it is now); or there is no such unit. */
export interface UnitResponse extends Numbered {
  readonly type: "unit_response";
  readonly unit: string;
  readonly request: number;
  readonly outcome: "done" | "stale" | "gone";
  readonly state: UnitState;
}
