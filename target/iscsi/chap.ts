/** CHAP (RFC 1994, RFC 7143 12.1): the digests, and binary values in text. */
import { createHash, timingSafeEqual } from "node:crypto";

/** What an initiator must prove to log in, and what we prove to it. Never logged. */
export interface ChapCredentials {
  /** CHAP_N of the initiator. */
  readonly user: string;
  readonly secret: string | Uint8Array;
  /** CHAP_N and secret of the target, for initiators that want it to prove itself. The secret must differ (RFC 7143 9.2.1). */
  readonly mutual?: { readonly user: string; readonly secret: string | Uint8Array };
}

interface ChapAlgorithm {
  /** As node:crypto names it. */
  readonly hash: string;
  readonly digestBytes: number;
}

/** RFC 7143 12.1.1 and IANA "PPP authentication algorithms": CHAP_A values. */
export const CHAP_ALGORITHMS: ReadonlyMap<string, ChapAlgorithm> = new Map([
  ["5", { hash: "md5", digestBytes: 16 }],
  ["6", { hash: "sha1", digestBytes: 20 }],
  ["7", { hash: "sha256", digestBytes: 32 }],
  ["8", { hash: "sha3-256", digestBytes: 32 }],
]);

/** The longest binary value in text (RFC 7143 12.1.3). */
const MAX_BINARY_BYTES = 1024;

/** CHAP_R: digest of identifier (one byte), secret and challenge (RFC 1994 4.1). */
export function chapResponse(
  { hash }: ChapAlgorithm,
  identifier: number,
  secret: string | Uint8Array,
  challenge: Uint8Array,
): Buffer {
  return createHash(hash).update(Buffer.of(identifier)).update(secret).update(challenge).digest();
}

/** Whether two values are equal, in a time that does not tell where they differ. */
export function sameBytes(a: Uint8Array | string, b: Uint8Array | string): boolean {
  const digest = (value: Uint8Array | string) => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** A binary-value (RFC 7143 6.1): hexadecimal after 0x, or base64 after 0b. Undefined where it is none, empty, or longer than 1024 bytes. */
export function parseBinary(text: string): Buffer | undefined {
  const [, hex, base64] = /^0[xX]([0-9a-fA-F]+)$|^0[bB]([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  const bytes =
    hex === undefined ? base64Bytes(base64) : Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
  return bytes === undefined || bytes.length === 0 || bytes.length > MAX_BINARY_BYTES ? undefined : bytes;
}

function base64Bytes(text: string | undefined): Buffer | undefined {
  return text === undefined || text.length % 4 !== 0 ? undefined : Buffer.from(text, "base64");
}

/** As hexadecimal, which every initiator reads. */
export function formatBinary(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}
