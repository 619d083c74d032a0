/**
 * Cuts a byte stream into PDUs (RFC 7143 11.2) without copying: data segments are slices of the
 * chunks that the socket delivered, which are used again (`receive-slab.ts`). Everything is bounded
 * before it is kept.
 */
import { crc32c, crc32cUpdate } from "../wire/crc32c.ts";
import { BHS_BYTES, Bhs } from "./pdus.ts";
import { ProtocolError } from "./protocol-error.ts";
import { hold, release } from "./receive-slab.ts";

export interface Pdu {
  /** The basic header segment, in memory of its own. */
  readonly header: Buffer;
  /** Valid until the reader is asked for the next one, or for as long as it is held (`receive-slab.ts`). */
  readonly data: readonly Buffer[];
  readonly dataBytes: number;
  readonly dataDigestFailed: boolean;
}

const NO_DATA: readonly Buffer[] = Object.freeze([]);
const DIGEST_BYTES = 4;

/** The PDU for those who need it for longer than that: its data in memory of its own. */
export function kept(pdu: Pdu): Pdu {
  return pdu.dataBytes === 0 ? pdu : { ...pdu, data: [Buffer.concat(pdu.data)] };
}

export class PduReader {
  headerDigest = false;
  dataDigest = false;
  /** Our MaxRecvDataSegmentLength: a longer data segment is refused before a byte of it is kept. */
  maxDataBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #header: Buffer | undefined;
  /** Chunks that the last PDU ended with, or went over. */
  readonly #consumed: Buffer[] = [];

  constructor(maxDataBytes: number) {
    this.maxDataBytes = maxDataBytes;
  }

  push(chunk: Buffer): void {
    hold(chunk);
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The next whole PDU; undefined where more bytes are needed. Lets go of the one before. @throws ProtocolError */
  next(): Pdu | undefined {
    if (this.#consumed.length > 0) this.#letGo();
    this.#header ??= this.#readHeader();
    const header = this.#header;
    if (header === undefined) return undefined;
    const length = Bhs.dataSegmentLength.get(header, 0);
    if (length === 0) {
      this.#header = undefined;
      return { header, data: NO_DATA, dataBytes: 0, dataDigestFailed: false };
    }
    const padding = -length & 3;
    const digest = this.dataDigest ? DIGEST_BYTES : 0;
    if (this.#bytes < length + padding + digest) return undefined;
    this.#header = undefined;
    const data = this.#take(length);
    const pad = padding === 0 ? NO_DATA : this.#take(padding);
    const failed = digest > 0 && crc32c([...data, ...pad]) !== this.#takeWhole(DIGEST_BYTES).readUInt32LE(0);
    return { header, data, dataBytes: length, dataDigestFailed: failed };
  }

  #letGo(): void {
    for (const chunk of this.#consumed) release(chunk);
    this.#consumed.length = 0;
  }

  #readHeader(): Buffer | undefined {
    if (this.#bytes < BHS_BYTES) return undefined;
    const ahsBytes = this.#peekByte(4) * 4;
    const digest = this.headerDigest ? DIGEST_BYTES : 0;
    if (this.#bytes < BHS_BYTES + ahsBytes + digest) return undefined;
    const whole = this.#takeWhole(BHS_BYTES + ahsBytes + digest);
    const header = whole.subarray(0, BHS_BYTES);
    const digested = BHS_BYTES + ahsBytes;
    if (digest > 0 && crc32cUpdate(0, whole.subarray(0, digested)) !== whole.readUInt32LE(digested)) {
      throw new ProtocolError("header-digest", "a header digest does not match");
    }
    if (Bhs.dataSegmentLength.get(header, 0) > this.maxDataBytes) {
      throw new ProtocolError("data-segment-too-long", `a data segment is longer than ${this.maxDataBytes} bytes`);
    }
    return header;
  }

  #peekByte(at: number): number {
    let skip = at;
    for (const chunk of this.#chunks) {
      if (skip < chunk.length) return chunk[skip] as number;
      skip -= chunk.length;
    }
    throw new RangeError("peeked past what was received");
  }

  /** In memory of its own. */
  #takeWhole(bytes: number): Buffer {
    return Buffer.concat(this.#take(bytes));
  }

  #take(bytes: number): Buffer[] {
    const first = this.#chunks[0] as Buffer;
    this.#bytes -= bytes;
    if (first.length > bytes) {
      this.#chunks[0] = first.subarray(bytes);
      return [first.subarray(0, bytes)];
    }
    const pieces: Buffer[] = [];
    let need = bytes;
    while (need > 0) {
      const chunk = this.#chunks[0] as Buffer;
      if (chunk.length > need) {
        pieces.push(chunk.subarray(0, need));
        this.#chunks[0] = chunk.subarray(need);
        return pieces;
      }
      pieces.push(chunk);
      need -= chunk.length;
      this.#chunks.shift();
      this.#consumed.push(chunk);
    }
    return pieces;
  }
}
