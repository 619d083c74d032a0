/**
 * AES-256-XTS (IEEE 1619), block by block: the tweak is the number of the block, little-endian.
 *
 * A block that is stored as zeros is one that was never written, or given back, and reads as zeros:
 * so what is encrypted stays as sparse as what it lies on. No data encrypts to zeros (it would have
 * to by a chance of one in 2^4096).
 */
import { createCipheriv, createDecipheriv } from "node:crypto";

const ALGORITHM = "aes-256-xts";
/** Two keys of 256 bits. */
export const KEY_BYTES = 64;

export class BlockCipher {
  readonly #key: Buffer;
  readonly #blockBytes: number;
  readonly #zeros: Buffer;

  /** Keeps a copy of the key, until `forget`. */
  constructor(key: Uint8Array, blockBytes: number) {
    this.#key = Buffer.from(key);
    this.#blockBytes = blockBytes;
    this.#zeros = Buffer.alloc(blockBytes);
  }

  /** Whole blocks, of which the first has this number, as they are to be stored. */
  encrypt(block: number, data: Uint8Array): Buffer {
    const stored = Buffer.allocUnsafeSlow(data.length);
    for (let at = 0; at < data.length; at += this.#blockBytes) {
      const cipher = createCipheriv(ALGORITHM, this.#key, tweak(block + at / this.#blockBytes));
      stored.set(cipher.update(data.subarray(at, at + this.#blockBytes)), at);
      cipher.final();
    }
    return stored;
  }

  /** What was stored becomes what was written, where it lies. */
  decrypt(block: number, data: Uint8Array): void {
    for (let at = 0; at < data.length; at += this.#blockBytes) {
      const stored = data.subarray(at, at + this.#blockBytes);
      if (this.#zeros.equals(stored)) continue;
      const decipher = createDecipheriv(ALGORITHM, this.#key, tweak(block + at / this.#blockBytes));
      data.set(decipher.update(stored), at);
      decipher.final();
    }
  }

  forget(): void {
    this.#key.fill(0);
  }
}

function tweak(block: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(block % 2 ** 32, 0);
  bytes.writeUInt32LE(Math.floor(block / 2 ** 32), 4);
  return bytes;
}
