/** POPULATE TOKEN, WRITE USING TOKEN and RECEIVE ROD TOKEN INFORMATION, as a host sends them. */
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { CopyStatusDataLid4 } from "node-iscsi-target/scsi/copy/layouts.ts";
import {
  PopulateTokenHeader,
  RangeDescriptor,
  WriteUsingTokenHeader,
} from "node-iscsi-target/scsi/copy/token-layouts.ts";
import { cdbOf, type ScsiHost, type SendOptions, senseName } from "./scsi-host.ts";

export type Ranges = readonly (readonly [lba: number, blocks: number])[];

export const SECOND_LUN: SendOptions = { lun: 1 };

export function descriptors(ranges: Ranges): Buffer {
  return Buffer.concat(ranges.map(([lba, blocks]) => RangeDescriptor.encode({ lba, blocks })));
}

export async function populate(
  host: ScsiHost,
  ranges: Ranges,
  fields: Parameters<typeof PopulateTokenHeader.encode>[0] = {},
  options: SendOptions = {},
): Promise<string> {
  const list = descriptors(ranges);
  const lengths = { followingBytes: 14 + list.length, rangeBytes: list.length };
  const data = Buffer.concat([PopulateTokenHeader.encode({ ...lengths, ...fields }), list]);
  const cdb = cdbOf(cdbs.PopulateToken, { listId: 1, listBytes: data.length });
  return senseName(await host.send(cdb, data, options));
}

export async function write(
  host: ScsiHost,
  token: Uint8Array,
  ranges: Ranges,
  fields: Parameters<typeof WriteUsingTokenHeader.encode>[0] = {},
  options: SendOptions = SECOND_LUN,
): Promise<string> {
  const list = descriptors(ranges);
  const lengths = { followingBytes: 534 + list.length, rangeBytes: list.length };
  const data = Buffer.concat([WriteUsingTokenHeader.encode({ token, ...lengths, ...fields }), list]);
  const cdb = cdbOf(cdbs.WriteUsingToken, { listId: 2, listBytes: data.length });
  return senseName(await host.send(cdb, data, options));
}

interface Told {
  readonly status: ReturnType<typeof CopyStatusDataLid4.decode>;
  readonly token: Buffer | undefined;
}

/** What RECEIVE ROD TOKEN INFORMATION says; undefined where it knows no such list. */
export async function told(host: ScsiHost, listId: number, options: SendOptions = {}): Promise<Told | undefined> {
  const result = await host.send(
    cdbOf(cdbs.RodTokenInformation, { listId, allocationBytes: 1024 }),
    undefined,
    options,
  );
  if (result.status !== 0) return undefined;
  const data = Buffer.from(result.dataIn ?? []);
  const status = CopyStatusDataLid4.decode(data);
  if (status.availableBytes !== data.length - 4) throw new Error("The lengths do not agree.");
  const tokensAt = CopyStatusDataLid4.sizeBytes + status.senseFieldBytes;
  const length = data.readUInt32BE(tokensAt);
  return { status, token: length === 0 ? undefined : data.subarray(tokensAt + 6, tokensAt + 4 + length) };
}

/** A token for these ranges of LUN 0. */
export async function tokenFor(host: ScsiHost, ranges: Ranges, inactivityS = 0): Promise<Buffer> {
  const name = await populate(host, ranges, { inactivityS });
  const token = name === "GOOD" ? (await told(host, 1))?.token : undefined;
  if (!token) throw new Error(`There is no token: ${name}.`);
  return token;
}
