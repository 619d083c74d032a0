/**
 * A key in a file of its own, one line of text, readable by its owner only.
 *
 * Replacing it leaves the old key or the new one after a loss of power. Then the old file's bytes
 * are overwritten, as far as that reaches: a file system that writes elsewhere (copy on write, a
 * journal of data, the spare blocks of an SSD) may keep them. Where that matters, keep keys on one
 * that does not, or in memory.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { UserError } from "../user-error.ts";
import { KEY_BYTES } from "./block-cipher.ts";
import type { KeyStore } from "./key-store.ts";

const HEAD = "sanlab-key 1 aes-256-xts ";
const FORM = /^sanlab-key 1 aes-256-xts ([0-9a-f]{128})\n?$/;

export class KeyFile implements KeyStore {
  readonly #path: string;
  readonly #key: Buffer;

  private constructor(path: string, key: Buffer) {
    this.#path = path;
    this.#key = key;
  }

  /** The key in a file that is there; undefined where there is no file. @throws UserError where it holds something else */
  static open(path: string): KeyFile | undefined {
    let text: string;
    try {
      text = readFileSync(path, "latin1");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return undefined;
      throw new UserError("key", `The key file ${path} cannot be read (${code}): mend that, or name another.`, {
        cause: error,
      });
    }
    const [, digits] = FORM.exec(text) ?? [];
    if (digits === undefined) {
      throw new UserError("key", `${path} holds no key of this program: name the key file that belongs to the image.`);
    }
    return new KeyFile(path, Buffer.from(digits, "hex"));
  }

  /** A new key in a new file. @throws UserError where the file cannot be made */
  static async create(path: string): Promise<KeyFile> {
    const key = randomBytes(KEY_BYTES);
    try {
      await writeNew(path, key);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new UserError("key", `The key file ${path} cannot be made (${code}): mend that, or name another.`, {
        cause: error,
      });
    }
    return new KeyFile(path, key);
  }

  load(): Uint8Array {
    return this.#key;
  }

  async replace(key: Uint8Array): Promise<void> {
    const old = await openOld(this.#path);
    try {
      await writeNew(`${this.#path}.new`, key);
      await rename(`${this.#path}.new`, this.#path);
      this.#key.set(key);
      await syncDirectory(this.#path);
      if (old) await overwrite(old);
    } finally {
      await old?.close();
    }
  }
}

async function writeNew(path: string, key: Uint8Array): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(`${HEAD}${Buffer.from(key).toString("hex")}\n`, "latin1");
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(path);
}

/** Undefined where somebody has taken it away meanwhile: then there is nothing to overwrite. */
async function openOld(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function overwrite(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  await file.write(randomBytes(size), 0, size, 0);
  await file.sync();
}

/** A name is on the medium only when its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
