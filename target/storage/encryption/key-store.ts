import { randomBytes } from "node:crypto";
import { KEY_BYTES } from "./block-cipher.ts";

/** Where the key of an encrypted device is kept. */
export interface KeyStore {
  /** The key as it is now, of 64 bytes; whoever takes it makes a copy. */
  load(): Uint8Array;
  /** Puts another key in its place, durably; the old one is not to be found again. @throws Error where that is not certain; `load` gives the key that is there then */
  replace(key: Uint8Array): Promise<void>;
}

/** A key that nobody else ever sees, and that is gone with the process. */
export class MemoryKeyStore implements KeyStore {
  readonly #key = randomBytes(KEY_BYTES);

  load(): Uint8Array {
    return this.#key;
  }

  async replace(key: Uint8Array): Promise<void> {
    this.#key.set(key);
  }
}
