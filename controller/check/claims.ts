/**
 * Who holds each segment of the devices: one place of one family. Numbers in typed arrays, so that the
 * tables of many terabytes can be looked at beside a running lab.
 */
import type { AllRecords, DeviceRecord } from "../records.ts";

/** More than a table has segments. */
const PLACES = 2 ** 26;
/** Not a place of a family: set aside, or on its way back. */
const SPACE = -1;

/** A virtual segment of a family, by the family's number in the order in which families are looked at. */
export interface Place {
  readonly family: number;
  readonly segment: number;
}

export class Claims {
  readonly #devices: ReadonlyMap<number, DeviceRecord>;
  /** By device: 0 for nobody, else 1 + family * PLACES + segment; or SPACE. */
  readonly #claims = new Map<number, Float64Array>();

  constructor(records: AllRecords) {
    this.#devices = new Map(records.devices.values().map((record) => [record.device, record]));
  }

  /** Segment 0 holds the label. */
  isPlace(device: number, segment: number): boolean {
    const record = this.#devices.get(device);
    return record !== undefined && segment >= 1 && segment < record.segments;
  }

  /** Undefined where the segment is the place's from now on, or was it already; else who has it. */
  claim(device: number, segment: number, family: number, virtual: number): Place | undefined {
    const claims = this.#of(device);
    const code = 1 + family * PLACES + virtual;
    const held = claims[segment] as number;
    if (held === 0) claims[segment] = code;
    if (held === 0 || held === code) return undefined;
    return { family: Math.floor((held - 1) / PLACES), segment: (held - 1) % PLACES };
  }

  /** Held by no table. False where it is held already. */
  setAside(device: number, segment: number): boolean {
    const claims = this.#of(device);
    if (claims[segment] !== 0) return false;
    claims[segment] = SPACE;
    return true;
  }

  /** Whether anybody has a segment of a device. */
  holds(device: number): (segment: number) => boolean {
    const claims = this.#of(device);
    return (segment) => claims[segment] !== 0;
  }

  #of(device: number): Float64Array {
    const known = this.#claims.get(device);
    if (known !== undefined) return known;
    const claims = new Float64Array(this.#devices.get(device)?.segments ?? 0);
    this.#claims.set(device, claims);
    return claims;
  }
}
