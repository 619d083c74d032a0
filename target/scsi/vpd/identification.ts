/** VPD page 83h, Device Identification (SPC-4 7.8.6), without its header of four bytes. */

import type { LogicalUnit } from "../logical-unit.ts";
import type { Nexus } from "../transport.ts";
import { DesignatorHeader, PortGroupDesignator, RelativePortDesignator } from "./layouts.ts";

/** SPC-4 7.8.6.1, tables 614 to 616. */
const CodeSet = { BINARY: 1, ASCII: 2, UTF8: 3 } as const;
const Association = { LOGICAL_UNIT: 0, TARGET_PORT: 1, TARGET_DEVICE: 2 } as const;
const DesignatorType = { T10_VENDOR: 1, NAA: 3, RELATIVE_PORT: 4, PORT_GROUP: 5, SCSI_NAME: 8 } as const;

interface Designator {
  readonly codeSet: number;
  readonly association: number;
  readonly type: number;
  readonly value: Uint8Array;
}

/**
 * Two of the logical unit, the same on every path, by which multipath knows it; three of the port
 * through which it was asked; one of the target device.
 */
export function designators({ identity }: LogicalUnit, { targetPort }: Nexus): Uint8Array {
  const ofUnit = { association: Association.LOGICAL_UNIT };
  const ofPort = { association: Association.TARGET_PORT };
  const { portGroup, relativePortId, name, targetName, protocolIdentifier } = targetPort;
  const list: Designator[] = [
    { ...ofUnit, codeSet: CodeSet.BINARY, type: DesignatorType.NAA, value: Buffer.from(identity.naa, "hex") },
    { ...ofUnit, codeSet: CodeSet.ASCII, type: DesignatorType.T10_VENDOR, value: vendorSpecific(identity) },
    {
      ...ofPort,
      codeSet: CodeSet.BINARY,
      type: DesignatorType.RELATIVE_PORT,
      value: RelativePortDesignator.encode({ relativePortId }),
    },
    {
      ...ofPort,
      codeSet: CodeSet.BINARY,
      type: DesignatorType.PORT_GROUP,
      value: PortGroupDesignator.encode({ portGroup }),
    },
    { ...ofPort, codeSet: CodeSet.UTF8, type: DesignatorType.SCSI_NAME, value: scsiName(name) },
    ofTargetDevice(targetName),
  ];
  return Buffer.concat(list.map((designator) => encode(designator, protocolIdentifier)));
}

function ofTargetDevice(targetName: string, maxBytes?: number): Designator {
  const value = scsiName(targetName, maxBytes);
  return { association: Association.TARGET_DEVICE, codeSet: CodeSet.UTF8, type: DesignatorType.SCSI_NAME, value };
}

function encode({ codeSet, association, type, value }: Designator, protocolIdentifier: number | undefined): Uint8Array {
  // PIV may be set only where the designator is of a port or a device (SPC-4 7.8.6.1).
  const protocolKnown = association !== Association.LOGICAL_UNIT && protocolIdentifier !== undefined;
  const header = DesignatorHeader.encode({
    protocolIdentifier: protocolKnown ? protocolIdentifier : 0,
    codeSet,
    protocolKnown: protocolKnown ? 1 : 0,
    association,
    type,
    valueBytes: value.length,
  });
  return Buffer.concat([header, value]);
}

/** SPC-4 7.8.6.4: vendor identification, then what the vendor makes unique. */
function vendorSpecific({ vendor, serial }: { vendor: string; serial: string }): Uint8Array {
  return Buffer.from(vendor.padEnd(8, " ") + serial, "latin1");
}

/** What leaves room for the null in a DESIGNATOR LENGTH of one byte and a multiple of four. */
const MAX_SCSI_NAME_BYTES = 251;

/** The designator of the target device, in at most `limitBytes` (SPC-4 5.17.6.5.1, TARGET DEVICE DESCRIPTOR). */
export function targetDeviceDesignator(targetName: string, limitBytes: number): Uint8Array {
  const nameBytes = limitBytes - DesignatorHeader.sizeBytes;
  return encode(ofTargetDevice(targetName, nameBytes - 1), undefined);
}

/** SPC-4 7.8.6.11: UTF-8, ended by a null and filled to a multiple of four bytes. */
function scsiName(name: string, maxBytes = MAX_SCSI_NAME_BYTES): Uint8Array {
  const text = Buffer.from(name, "utf8").subarray(0, maxBytes);
  const padded = Buffer.alloc((Math.floor(text.length / 4) + 1) * 4);
  text.copy(padded);
  return padded;
}
