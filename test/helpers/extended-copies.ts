/** EXTENDED COPY (LID1) as a host sends it, between the units of `two-units.ts`. */
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { BlockSegment, CopyHeader, CscdDescriptor } from "node-iscsi-target/scsi/copy/layouts.ts";
import { cdbOf, IDENTITY, type ScsiHost } from "./scsi-host.ts";
import { SECOND } from "./two-units.ts";

export function unit(naa: string, fields: Parameters<typeof CscdDescriptor.encode>[0] = {}): Buffer {
  const designator = Buffer.from(naa, "hex");
  const identified = { codeSet: 1, designatorType: 3, designatorBytes: designator.length, designator };
  return CscdDescriptor.encode({ typeCode: 0xe4, ...identified, ...fields });
}

export function segment(fields: Parameters<typeof BlockSegment.encode>[0]): Buffer {
  return BlockSegment.encode({ typeCode: 2, descriptorBytes: 24, ...fields });
}

export async function sendCopy(host: ScsiHost, units: readonly Buffer[], segments: readonly Buffer[], listId = 7) {
  const [cscds, ranges] = [Buffer.concat(units), Buffer.concat(segments)];
  const header = CopyHeader.encode({ listId, cscdBytes: cscds.length, segmentBytes: ranges.length });
  const list = Buffer.concat([header, cscds, ranges]);
  return await host.send(cdbOf(cdbs.ExtendedCopy, { listBytes: list.length }), list);
}

export const BOTH = [unit(IDENTITY.naa), unit(SECOND)];
