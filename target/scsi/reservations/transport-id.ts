/**
 * TransportIDs: initiator ports as parameter data names them (SPC-4 7.6.4). The format is that of
 * protocols whose ports have names, which is iSCSI's (SPC-4 7.6.4.6).
 */
import { bits, layout, uint } from "../../wire/layout.ts";

const TransportIdHeader = layout(4, {
  format: bits(0, 6, 2),
  protocolIdentifier: bits(0, 0, 4),
  additionalBytes: uint(2, 2),
});

/** TPID FORMAT (SPC-4 table 500): the name of a device, or of one of its ports. */
const Format = { DEVICE: 0, PORT: 1 } as const;
/** PROTOCOL IDENTIFIER Fh: no specific protocol (SPC-4 7.6.1). */
const NO_PROTOCOL = 0xf;
/** SPC-4 7.6.4.6: the shortest ADDITIONAL LENGTH. */
const MIN_NAME_BYTES = 20;
const SEPARATOR = ",i,0x";
/** ISID: six bytes (RFC 7143 11.12.5). */
const ISID_DIGITS = 12;

/** `initiatorPort` is absent where the TransportID names the whole device. */
export interface TransportId {
  readonly initiatorName: string;
  readonly initiatorPort: string | undefined;
  readonly sizeBytes: number;
}

export function encodeTransportId(initiatorPort: string, protocolIdentifier = NO_PROTOCOL): Buffer {
  const name = Buffer.from(initiatorPort, "utf8");
  // Ended by a null, and filled to a multiple of four bytes.
  const padded = Buffer.alloc(Math.max(MIN_NAME_BYTES, (Math.floor(name.length / 4) + 1) * 4));
  name.copy(padded);
  const format = initiatorPort.includes(SEPARATOR) ? Format.PORT : Format.DEVICE;
  return Buffer.concat([
    TransportIdHeader.encode({ format, protocolIdentifier, additionalBytes: padded.length }),
    padded,
  ]);
}

/** The TransportID at `at`, or undefined where there is none of this protocol that is well formed. */
export function decodeTransportId(
  list: Uint8Array,
  at: number,
  protocolIdentifier = NO_PROTOCOL,
): TransportId | undefined {
  if (list.length - at < TransportIdHeader.sizeBytes) return undefined;
  const { format, protocolIdentifier: protocol, additionalBytes } = TransportIdHeader.decode(list, at);
  const sizeBytes = TransportIdHeader.sizeBytes + additionalBytes;
  if (protocol !== protocolIdentifier || additionalBytes < MIN_NAME_BYTES || additionalBytes % 4 !== 0)
    return undefined;
  if (list.length - at < sizeBytes) return undefined;
  const field = Buffer.from(list.subarray(at + TransportIdHeader.sizeBytes, at + sizeBytes));
  const end = field.indexOf(0);
  const text = end === -1 ? "" : field.toString("utf8", 0, end).toLowerCase();
  const [initiatorName = "", isid] = text.split(SEPARATOR);
  if (initiatorName === "") return undefined;
  if (format === Format.DEVICE)
    return isid === undefined ? { initiatorName, initiatorPort: undefined, sizeBytes } : undefined;
  if (format !== Format.PORT || isid === undefined || !/^[0-9a-f]{1,12}$/.test(isid)) return undefined;
  return { initiatorName, initiatorPort: initiatorName + SEPARATOR + isid.padStart(ISID_DIGITS, "0"), sizeBytes };
}
