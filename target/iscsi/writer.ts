/**
 * Gathers the PDUs of one turn of the loop and hands them to the socket together.
 *
 * Small pieces are copied into one buffer: a copy of 4 KiB costs less than one more element of a
 * gathered write. Large ones are passed on as they are.
 */
import type { Socket } from "node:net";
import { crc32c } from "../wire/crc32c.ts";
import { Bhs } from "./pdus.ts";

const COPY_BYTES = 32 * 1024;
const PADDING = [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(2), Buffer.alloc(3)] as const;

export class PduWriter {
  headerDigest = false;
  dataDigest = false;
  bytesOut = 0;
  readonly #socket: Socket;
  #pieces: Uint8Array[] = [];
  #scheduled = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Queues one PDU; its length field is set here. */
  send(header: Buffer, data?: Uint8Array): void {
    const length = data?.length ?? 0;
    Bhs.dataSegmentLength.set(header, 0, length);
    this.#pieces.push(header);
    if (this.headerDigest) this.#pieces.push(digestOf([header]));
    if (data !== undefined && length > 0) this.#sendData(data);
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => this.flush());
    }
  }

  flush(): void {
    this.#scheduled = false;
    const pieces = this.#pieces;
    if (pieces.length === 0 || this.#socket.destroyed) return;
    this.#pieces = [];
    this.#socket.cork();
    let small: Uint8Array[] = [];
    for (const piece of pieces) {
      this.bytesOut += piece.length;
      if (piece.length <= COPY_BYTES) {
        small.push(piece);
        continue;
      }
      this.#write(small);
      small = [];
      this.#socket.write(piece);
    }
    this.#write(small);
    this.#socket.uncork();
  }

  #sendData(data: Uint8Array): void {
    const padding = PADDING[(-data.length & 3) as 0 | 1 | 2 | 3];
    this.#pieces.push(data);
    if (padding.length > 0) this.#pieces.push(padding);
    if (this.dataDigest) this.#pieces.push(digestOf([data, padding]));
  }

  #write(pieces: readonly Uint8Array[]): void {
    if (pieces.length > 0) this.#socket.write(pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces));
  }
}

function digestOf(pieces: readonly Uint8Array[]): Buffer {
  const digest = Buffer.allocUnsafe(4);
  digest.writeUInt32LE(crc32c(pieces), 0);
  return digest;
}
