/** Changes and states of a logical unit, as SCSI has them and as messages do. */
import type { KeptReservations, PortName, UnitEffects, UnitParts } from "../../mapping/protocol.ts";
import { type AccessRow, AccessStatus, isAccessState } from "../../scsi/access-states.ts";
import { Attention } from "../../scsi/attention.ts";
import { ModeParameters } from "../../scsi/mode/parameters.ts";
import { isReservationType, type Registrant, type ReservationState } from "../../scsi/reservations/state.ts";
import type { UnitChange, UnitNotice } from "../../scsi/unit-change.ts";

export function encodeReservations({ registrations, reservation, ...rest }: ReservationState): KeptReservations {
  return {
    generation: rest.generation,
    persistent: rest.persistent,
    registrations: registrations.map((registration) => ({
      ...portOf(registration),
      key: registration.key.toString(16),
    })),
    reservation: reservation ? { type: reservation.type, holder: portOf(reservation.holder) } : null,
  };
}

/** @throws Error where the type is none of SPC-4's: another version wrote it. */
export function decodeReservations(kept: KeptReservations, revision: number): ReservationState {
  const { generation, persistent, registrations, reservation } = kept;
  if (reservation && !isReservationType(reservation.type)) {
    throw new Error(`There is no persistent reservation of type ${reservation.type}.`);
  }
  return {
    revision,
    generation,
    persistent,
    registrations: registrations.map(({ key, ...port }) => ({ ...port, key: BigInt(`0x${key}`) })),
    reservation: reservation ? { type: reservation.type as 1, holder: reservation.holder } : undefined,
  };
}

/** What differs from what a reset leaves. */
export function encodeMode(mode: ModeParameters): Record<string, boolean> {
  const usual = new ModeParameters();
  const names = (Object.keys(usual) as (keyof ModeParameters)[]).filter((name) => mode[name] !== usual[name]);
  return Object.fromEntries(names.map((name) => [name, mode[name]]));
}

export function decodeMode(kept: UnitParts["mode"]): ModeParameters {
  return Object.assign(new ModeParameters(), kept);
}

export function decodeAccess(rows: UnitParts["access"]): AccessRow[] {
  return rows.flatMap(({ portGroup, state, status }) =>
    isAccessState(state)
      ? [{ portGroup, state, status: status === AccessStatus.BY_TARGET ? status : AccessStatus.BY_COMMAND }]
      : [],
  );
}

export function encodeEffects({ notices = [], ends }: UnitChange): UnitEffects {
  return {
    notices: notices.map(({ to, attention: { asc, ascq } }) => ({
      to: typeof to === "string" ? to : portOf(to),
      asc,
      ascq,
    })),
    ends: ends === undefined || typeof ends === "string" ? (ends ?? null) : ends.map(portOf),
  };
}

export function decodeEffects({ notices, ends }: UnitEffects): Pick<UnitChange, "notices" | "ends"> {
  return { notices: notices.flatMap(noticeOf), ...(ends === null ? {} : { ends }) };
}

function noticeOf({ to, asc, ascq }: UnitEffects["notices"][number]): UnitNotice[] {
  const attention = Object.values(Attention).find((known) => known.asc === asc && known.ascq === ascq);
  return attention === undefined ? [] : [{ to, attention }];
}

function portOf({ initiatorPort, relativePortId }: Registrant): PortName {
  return { initiatorPort, relativePortId };
}
