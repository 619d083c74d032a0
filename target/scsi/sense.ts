/** Sense data (SPC-4 4.5): what a CHECK CONDITION carries, and REQUEST SENSE returns. */

import { bits, flag, layout, uint } from "../wire/layout.ts";
import type { Condition } from "./condition.ts";
import type { FieldLocation } from "./fields.ts";

export interface FieldPointer extends FieldLocation {
  /** Of the CDB, else of the parameter list. */
  readonly inCdb: boolean;
}

export interface SenseDetail {
  /** INFORMATION: for block commands the LBA concerned. */
  readonly information?: number;
  readonly pointer?: FieldPointer;
  /** PROGRESS INDICATION, in parts of 65,536 (SPC-4 4.5.2.4.4). */
  readonly progress?: number;
  /** Which segment descriptor of a copy was at work, from 0 (SPC-4 6.3.4). */
  readonly segment?: number;
  /** What a unit said to the copy manager that asked it. */
  readonly forwarded?: ForwardedSense;
}

export interface ForwardedSense {
  readonly from: "source" | "destination";
  readonly status: number;
  readonly sense: Uint8Array;
}

/** RESPONSE CODE of current errors (SPC-4 4.5.1, table 27). */
const ResponseCode = { FIXED: 0x70, DESCRIPTOR: 0x72 } as const;

/** SPC-4 4.5.3, table 53. */
export const FixedSense = layout(18, {
  valid: flag(0, 7),
  responseCode: bits(0, 0, 7),
  senseKey: bits(2, 0, 4),
  information: uint(3, 4),
  additionalBytes: uint(7, 1),
  /** Of EXTENDED COPY: where what was forwarded begins, by whom it was said; and the segment. */
  sourceAt: uint(8, 1),
  destinationAt: uint(9, 1),
  segment: uint(10, 2),
  asc: uint(12, 1),
  ascq: uint(13, 1),
  senseKeySpecific: uint(15, 3),
});

/** SPC-4 4.5.2.1, table 28. */
export const DescriptorSense = layout(8, {
  responseCode: bits(0, 0, 7),
  senseKey: bits(1, 0, 4),
  asc: uint(2, 1),
  ascq: uint(3, 1),
  additionalBytes: uint(7, 1),
});

/** SPC-4 4.5.2.2, table 31. */
export const InformationDescriptor = layout(12, {
  type: uint(0, 1),
  additionalBytes: uint(1, 1),
  valid: flag(2, 7),
  information: uint(4, 8),
});

/** SPC-4 4.5.2.3, table 32, as EXTENDED COPY fills it (6.3.4). */
export const CommandSpecificDescriptor = layout(12, {
  type: uint(0, 1),
  additionalBytes: uint(1, 1),
  segment: uint(6, 2),
});

/** SPC-4 4.5.2.7; the sense data follows. */
export const ForwardedDescriptor = layout(4, {
  type: uint(0, 1),
  additionalBytes: uint(1, 1),
  truncated: flag(2, 7),
  source: bits(2, 0, 4),
  status: uint(3, 1),
});

/** SENSE DATA SOURCE (SPC-4 4.5.2.7). */
const SENSE_SOURCE = { source: 1, destination: 2 } as const;

/** SPC-4 4.5.2.4, table 33. */
export const SenseKeySpecificDescriptor = layout(8, {
  type: uint(0, 1),
  additionalBytes: uint(1, 1),
  senseKeySpecific: uint(4, 3),
});

/** SPC-4 4.5.2.4.2, table 35. With COPY ABORTED the same bytes point into the parameter list of a copy (4.5.2.4.5, SD = 0). */
export const FieldPointerBytes = layout(3, {
  valid: flag(0, 7),
  inCdb: flag(0, 6),
  bitValid: flag(0, 3),
  bit: bits(0, 0, 3),
  byte: uint(1, 2),
});

/** SPC-4 4.5.2.4.4, table 37. */
export const ProgressBytes = layout(3, { valid: flag(0, 7), progress: uint(1, 2) });

/** SENSE DATA DESCRIPTOR TYPE (SPC-4 table 29). */
const DescriptorType = { COMMAND_SPECIFIC: 0x01, SENSE_KEY_SPECIFIC: 0x02, FORWARDED: 0x0c } as const;

export function senseData(condition: Condition, descriptorFormat: boolean, detail: SenseDetail = {}): Buffer {
  return descriptorFormat ? descriptorSense(condition, detail) : fixedSense(condition, detail);
}

/** What a unit told a copy follows the eighteen bytes: status, and sense data (SPC-4 6.3.4). */
function fixedSense({ senseKey, asc, ascq }: Condition, detail: SenseDetail): Buffer {
  const { information, segment, forwarded } = detail;
  const told = forwarded ? Buffer.concat([Buffer.from([forwarded.status]), forwarded.sense]) : Buffer.alloc(0);
  const at = FixedSense.sizeBytes;
  // SPC-4 4.5.3: what does not fit the four bytes is not valid.
  const fits = information !== undefined && information <= 0xffff_ffff;
  const data = FixedSense.encode({
    valid: fits ? 1 : 0,
    responseCode: ResponseCode.FIXED,
    senseKey,
    information: fits ? information : 0,
    additionalBytes: at + told.length - 8,
    sourceAt: forwarded?.from === "source" ? at : 0,
    destinationAt: forwarded?.from === "destination" ? at : 0,
    segment: segment ?? 0,
    asc,
    ascq,
    senseKeySpecific: senseKeySpecific(detail) ?? 0,
  });
  return told.length === 0 ? data : Buffer.concat([data, told]);
}

function descriptorSense({ senseKey, asc, ascq }: Condition, detail: SenseDetail): Buffer {
  const body = Buffer.concat(descriptorsOf(detail));
  const header = { responseCode: ResponseCode.DESCRIPTOR, senseKey, asc, ascq, additionalBytes: body.length };
  return Buffer.concat([DescriptorSense.encode(header), body]);
}

function descriptorsOf(detail: SenseDetail): Buffer[] {
  const { information, segment, forwarded } = detail;
  const specific = senseKeySpecific(detail);
  const descriptors: Buffer[] = [];
  if (information !== undefined) {
    descriptors.push(
      InformationDescriptor.encode({ additionalBytes: InformationDescriptor.sizeBytes - 2, valid: 1, information }),
    );
  }
  if (segment !== undefined) {
    const additionalBytes = CommandSpecificDescriptor.sizeBytes - 2;
    descriptors.push(
      CommandSpecificDescriptor.encode({ type: DescriptorType.COMMAND_SPECIFIC, additionalBytes, segment }),
    );
  }
  if (specific !== undefined) {
    descriptors.push(
      SenseKeySpecificDescriptor.encode({
        type: DescriptorType.SENSE_KEY_SPECIFIC,
        additionalBytes: SenseKeySpecificDescriptor.sizeBytes - 2,
        senseKeySpecific: specific,
      }),
    );
  }
  return forwarded ? [...descriptors, forwardedDescriptor(forwarded)] : descriptors;
}

function forwardedDescriptor({ from, status, sense }: ForwardedSense): Buffer {
  const additionalBytes = ForwardedDescriptor.sizeBytes - 2 + sense.length;
  const source = SENSE_SOURCE[from];
  return Buffer.concat([
    ForwardedDescriptor.encode({ type: DescriptorType.FORWARDED, additionalBytes, source, status }),
    sense,
  ]);
}

/** A sense key has one kind of them, so at most one is told. */
function senseKeySpecific({ pointer, progress }: SenseDetail): number | undefined {
  if (pointer) return pointerBytes(pointer).readUIntBE(0, 3);
  return progress === undefined ? undefined : ProgressBytes.encode({ valid: 1, progress }).readUIntBE(0, 3);
}

function pointerBytes({ inCdb, byte, bit: top }: FieldPointer): Buffer {
  return FieldPointerBytes.encode({
    valid: 1,
    inCdb: inCdb ? 1 : 0,
    bitValid: top === undefined ? 0 : 1,
    bit: top ?? 0,
    byte,
  });
}
