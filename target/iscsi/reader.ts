/**
 * Cuts a byte stream into PDUs (RFC 7143 11.2). Data segments are slices of the chunks that the
 * socket delivered, which are used again (`receive-slab.ts`); headers are copied, so that a command
 * may keep its own. Everything is bounded before it is kept.
 */
import { crc32c, shortCrc32c } from "../wire/crc32c.ts";
import { BHS_BYTES, Bhs } from "./pdus.ts";
import { ProtocolError } from "./protocol-error.ts";
import { hold, release } from "./receive-slab.ts";

export interface Pdu {
  /** The basic header segment, in memory of its own. */
  readonly header: Buffer;
  /** Bytes 32 to 47 of the header: of a SCSI command, its CDB. */
  readonly cdb: Buffer;
  /** Valid until the reader is asked for the next one, or for as long as it is held (`receive-slab.ts`). */
  readonly data: readonly Buffer[];
  readonly dataBytes: number;
  readonly dataDigestFailed: boolean;
  /** Set by whoever got it, where nobody looks at the header any more: the next PDU then stands in its memory. */
  isOver: boolean;
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
  /** What was received and not cut yet, but for `#at` bytes of the first. */
  #chunks: Buffer[] = [];
  #at = 0;
  #bytes = 0;
  /** Whose header is there already, and its data is not. */
  #begun: ReceivedPdu | undefined;
  #last: ReceivedPdu | undefined;
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
    const pdu = this.#begun ?? this.#begin();
    if (pdu === undefined) return undefined;
    const length = Bhs.dataSegmentLength.get(pdu.header, 0);
    if (length > 0 && !this.#takeData(pdu, length)) {
      this.#begun = pdu;
      return undefined;
    }
    this.#begun = undefined;
    this.#last = pdu;
    return pdu;
  }

  #letGo(): void {
    for (const chunk of this.#consumed) release(chunk);
    this.#consumed.length = 0;
  }

  /** The next PDU, with nothing but its header. */
  #begin(): ReceivedPdu | undefined {
    if (this.#bytes < BHS_BYTES) return undefined;
    const digested = BHS_BYTES + this.#peekByte(4) * 4;
    const whole = this.headerDigest ? digested + DIGEST_BYTES : digested;
    if (this.#bytes < whole) return undefined;
    const pdu = this.#last?.isOver ? this.#last : new ReceivedPdu();
    pdu.renew();
    this.#takeHeader(pdu.header, digested, whole);
    if (Bhs.dataSegmentLength.get(pdu.header, 0) > this.maxDataBytes) {
      throw new ProtocolError("data-segment-too-long", `a data segment is longer than ${this.maxDataBytes} bytes`);
    }
    return pdu;
  }

  /** Copies the basic header segment of a header of `digested` bytes; `whole`: its digest counted in. */
  #takeHeader(header: Buffer, digested: number, whole: number): void {
    let from = this.#chunks[0] as Buffer;
    let at = this.#at;
    if (from.length - at > whole) {
      this.#at += whole;
      this.#bytes -= whole;
    } else {
      from = Buffer.concat(this.#take(whole));
      at = 0;
    }
    from.copy(header, 0, at, at + BHS_BYTES);
    if (whole > digested && shortCrc32c(from, at, at + digested) !== from.readUInt32LE(at + digested)) {
      throw new ProtocolError("header-digest", "a header digest does not match");
    }
  }

  /** @returns false where not all of it is there yet */
  #takeData(pdu: ReceivedPdu, length: number): boolean {
    const padding = -length & 3;
    const digest = this.dataDigest ? DIGEST_BYTES : 0;
    if (this.#bytes < length + padding + digest) return false;
    const data = this.#take(length);
    const pad = padding === 0 ? NO_DATA : this.#take(padding);
    pdu.data = data;
    pdu.dataBytes = length;
    pdu.dataDigestFailed =
      digest > 0 && crc32c([...data, ...pad]) !== Buffer.concat(this.#take(DIGEST_BYTES)).readUInt32LE(0);
    return true;
  }

  #peekByte(at: number): number {
    let skip = this.#at + at;
    for (const chunk of this.#chunks) {
      if (skip < chunk.length) return chunk[skip] as number;
      skip -= chunk.length;
    }
    throw new RangeError("peeked past what was received");
  }

  #take(bytes: number): Buffer[] {
    const pieces: Buffer[] = [];
    this.#bytes -= bytes;
    let need = bytes;
    while (need > 0) {
      const chunk = this.#chunks[0] as Buffer;
      const from = this.#at;
      if (chunk.length - from > need) {
        this.#at = from + need;
        pieces.push(chunk.subarray(from, this.#at));
        return pieces;
      }
      pieces.push(from === 0 ? chunk : chunk.subarray(from));
      need -= chunk.length - from;
      this.#at = 0;
      this.#chunks.shift();
      this.#consumed.push(chunk);
    }
    return pieces;
  }
}

class ReceivedPdu implements Pdu {
  readonly header = Buffer.allocUnsafe(BHS_BYTES);
  readonly cdb = this.header.subarray(32, BHS_BYTES);
  data: readonly Buffer[] = NO_DATA;
  dataBytes = 0;
  dataDigestFailed = false;
  isOver = false;

  renew(): void {
    this.data = NO_DATA;
    this.dataBytes = 0;
    this.dataDigestFailed = false;
    this.isOver = false;
  }
}
