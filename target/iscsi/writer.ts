/**
 * Gathers the PDUs of one turn of the loop and hands them to the socket together: whoever has
 * worked through what came flushes; answers that come later, from the thread pool or the
 * controller, leave at the end of the turn that brought them.
 *
 * A PDU is built in a room (`send-slab.ts`) where it can be; rooms that adjoin leave as one piece.
 * Of the others, small pieces are copied together (`gather.ts`).
 */
import type { Socket } from "node:net";
import { crc32c, crc32cUpdate, shortCrc32c } from "../wire/crc32c.ts";
import { gather } from "./gather.ts";
import { BHS_BYTES, Bhs } from "./pdus.ts";
import { clearHeader, cutRoom, giveSlabBack, type Room, type SendSlab, takeSlab } from "./send-slab.ts";

const DIGEST_BYTES = 4;
const NOTHING: readonly SendSlab[] = [];
const PADDING = [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(2), Buffer.alloc(3)] as const;

export class PduWriter {
  headerDigest = false;
  dataDigest = false;
  /** The next digest that is sent is made wrong: a fault on demand. */
  damageNext = false;
  bytesOut = 0;
  readonly #socket: Socket;
  #pieces: Uint8Array[] = [];
  #scheduled = false;
  #held = false;
  /** Where the next room is cut from. */
  #slab: SendSlab | undefined;
  /** Where the next small pieces are copied together. */
  #copies: SendSlab | undefined;
  /** Slabs of the rooms that leave with the pieces, one for each room. */
  #leaving: SendSlab[] = [];
  /** The rooms that adjoin at the end of what waits: this stretch of this slab. */
  #stretch: SendSlab | undefined;
  #from = 0;
  #to = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Queues one PDU; its length field is set here. */
  send(header: Buffer, data?: Uint8Array): void {
    const length = data?.length ?? 0;
    Bhs.dataSegmentLength.set(header, 0, length);
    this.#endStretch();
    this.#pieces.push(header);
    if (this.headerDigest) this.#pieces.push(this.#digestOf([header]));
    if (data !== undefined && length > 0) this.#sendData(data);
    this.#schedule();
  }

  /** Room for a PDU of at most MAX_ROOM_DATA_BYTES of data. Its header is zeroed, its data is not. */
  room(dataBytes: number): Room {
    const headerBytes = this.headerDigest ? BHS_BYTES + DIGEST_BYTES : BHS_BYTES;
    const digestBytes = this.dataDigest && dataBytes > 0 ? DIGEST_BYTES : 0;
    let room = this.#slab && cutRoom(this.#slab, headerBytes, dataBytes, digestBytes);
    if (room === undefined) {
      this.#slab = takeSlab();
      room = cutRoom(this.#slab, headerBytes, dataBytes, digestBytes);
    }
    if (room === undefined) throw new RangeError(`No slab has room for ${dataBytes} bytes of data.`);
    clearHeader(room);
    return room;
  }

  /** Queues the PDU that was built in a room. */
  sendRoom(room: Room): void {
    const { slab, at, end, dataBytes } = room;
    Bhs.dataSegmentLength.set(slab.bytes, at, dataBytes);
    if (end !== at + BHS_BYTES + dataBytes) complete(room);
    if (this.damageNext && this.headerDigest) this.#damage(slab.bytes, at + BHS_BYTES);
    else if (this.damageNext && this.dataDigest && dataBytes > 0) this.#damage(slab.bytes, end - DIGEST_BYTES);
    if (this.#stretch !== slab || this.#to !== at) {
      this.#endStretch();
      this.#stretch = slab;
      this.#from = at;
    }
    this.#to = end;
    this.#leaving.push(slab);
    this.#schedule();
  }

  /** The room is not sent as a PDU, though what was sent before this call may point into it. */
  giveBack({ slab }: Room): void {
    this.#leaving.push(slab);
    this.#schedule();
  }

  /** What is sent from now on waits for `flush`, which the caller will call in this turn. */
  hold(): void {
    this.#held = true;
  }

  flush(): void {
    this.#held = false;
    this.#scheduled = false;
    this.#endStretch();
    const pieces = this.#pieces;
    const leaving = this.#leaving;
    if (this.#socket.destroyed) return;
    if (leaving.length > 0) this.#leaving = [];
    if (pieces.length === 0) return this.#left(leaving);
    this.#pieces = [];
    if (pieces.length === 1) this.#write(pieces[0] as Uint8Array, leaving);
    else this.#gather(pieces, leaving);
  }

  #gather(pieces: readonly Uint8Array[], leaving: readonly SendSlab[]): void {
    const { gathered, slabs } = gather(pieces, this.#copies);
    this.#copies = slabs.at(-1) ?? this.#copies;
    const all = slabs.length === 0 ? leaving : [...leaving, ...slabs];
    this.#socket.cork();
    gathered.forEach((piece, at) => {
      this.#write(piece, at === gathered.length - 1 ? all : NOTHING);
    });
    this.#socket.uncork();
  }

  #write(piece: Uint8Array, leaving: readonly SendSlab[]): void {
    this.bytesOut += piece.length;
    if (leaving.length === 0) this.#socket.write(piece);
    else this.#socket.write(piece, () => this.#left(leaving));
  }

  /** The socket has no more use for what stood in these rooms. */
  #left(leaving: readonly SendSlab[]): void {
    for (const slab of leaving) {
      slab.lent -= 1;
      if (slab.lent > 0) continue;
      if (this.#slab === slab) this.#slab = undefined;
      if (this.#copies === slab) this.#copies = undefined;
      giveSlabBack(slab);
    }
  }

  #endStretch(): void {
    if (this.#stretch === undefined) return;
    this.#pieces.push(this.#stretch.bytes.subarray(this.#from, this.#to));
    this.#stretch = undefined;
  }

  #schedule(): void {
    if (this.#scheduled || this.#held) return;
    this.#scheduled = true;
    setImmediate(this.#flushLater);
  }
  readonly #flushLater = (): void => {
    if (this.#scheduled) this.flush();
  };

  #sendData(data: Uint8Array): void {
    const padding = PADDING[(-data.length & 3) as 0 | 1 | 2 | 3];
    this.#pieces.push(data);
    if (padding.length > 0) this.#pieces.push(padding);
    if (this.dataDigest) this.#pieces.push(this.#digestOf([data, padding]));
  }

  #digestOf(pieces: readonly Uint8Array[]): Buffer {
    const digest = digestOf(pieces);
    if (this.damageNext) this.#damage(digest, 0);
    return digest;
  }

  #damage(bytes: Buffer, at: number): void {
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
    this.damageNext = false;
  }
}

/** Padding and digests of a PDU in its room. */
function complete({ slab: { bytes }, at, dataAt, dataBytes, data, end }: Room): void {
  const paddedEnd = dataAt + dataBytes + (-dataBytes & 3);
  if (paddedEnd > dataAt + dataBytes) bytes.fill(0, dataAt + dataBytes, paddedEnd);
  if (dataAt > at + BHS_BYTES) bytes.writeUInt32LE(shortCrc32c(bytes, at, at + BHS_BYTES), at + BHS_BYTES);
  if (end === paddedEnd) return;
  const padded = dataBytes === paddedEnd - dataAt ? data : bytes.subarray(dataAt, paddedEnd);
  bytes.writeUInt32LE(crc32cUpdate(0, padded), paddedEnd);
}

function digestOf(pieces: readonly Uint8Array[]): Buffer {
  const digest = Buffer.allocUnsafe(DIGEST_BYTES);
  digest.writeUInt32LE(crc32c(pieces), 0);
  return digest;
}
