/** An image file or a block device that the controller copies, zeroes and syncs. */
import { closeSync, fdatasync, fdatasyncSync, read as readCall, readSync, write as writeCall } from "node:fs";
import { promisify } from "node:util";
import { AlignedBuffers } from "node-iscsi-target/storage/engine/aligned-buffers.ts";
import { SyncGroup, type SyncHistory } from "node-iscsi-target/storage/engine/sync-group.ts";
import { punchHole } from "node-iscsi-target/storage/syscalls/fallocate.ts";
import { setDirect } from "node-iscsi-target/storage/syscalls/open-flags.ts";
import { beginWriteOut } from "node-iscsi-target/storage/syscalls/write-out.ts";
import { Refusal } from "../user-error.ts";
import type { Medium } from "./medium.ts";

/** The blocks of disks: what O_DIRECT must be able to move. */
const PROBE_BYTES = 512;
const readAt = promisify(readCall);
const writeAt = promisify(writeCall);
const ZEROS = new AlignedBuffers().take(1024 * 1024).fill(0);

export class FileMedium implements Medium {
  readonly sizeBytes: number;
  readonly #fd: number;
  readonly #path: string;
  readonly #syncs: SyncGroup;
  readonly #history: SyncHistory = { hasFailed: false };
  #underWay = 0;
  #isClosed = false;
  /** Past the page cache the kernel wants aligned memory: data takes a step in these. */
  #aligned: AlignedBuffers | undefined;

  constructor(fd: number, sizeBytes: number, path: string) {
    this.#fd = fd;
    this.sizeBytes = sizeBytes;
    this.#path = path;
    this.#syncs = new SyncGroup(fd, fdatasync, this.#history);
  }

  bypassCache(isBypassed: boolean): void {
    this.#syncNow();
    try {
      setDirect(this.#fd, isBypassed);
      this.#aligned = isBypassed ? new AlignedBuffers() : undefined;
      if (this.#aligned) readSync(this.#fd, this.#aligned.take(PROBE_BYTES), 0, PROBE_BYTES, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
      setDirect(this.#fd, false);
      this.#aligned = undefined;
      throw new Refusal(
        "direct",
        `${this.#path} cannot be used past the page cache (O_DIRECT) in blocks of ${PROBE_BYTES} bytes, which agents on other machines need; put the device on another file system, or give the other machine a lab of its own.`,
      );
    }
  }

  /** The kernel tells of a failure once. */
  #syncNow(): void {
    try {
      fdatasyncSync(this.#fd);
    } catch (error) {
      this.#history.hasFailed = true;
      throw error;
    }
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#counted(this.#readInto(offset, into));
  }

  write(offset: number, from: Uint8Array): Promise<void> {
    return this.#counted(this.#writeFrom(offset, from));
  }

  zero(offset: number, length: number): Promise<void> {
    return this.#counted(this.#punch(offset, length));
  }

  sync(): Promise<void> {
    return this.#counted(this.#synced());
  }

  /** The descriptor is given back when nothing uses it any more: another file may get its number. */
  close(): void {
    this.#isClosed = true;
    if (this.#underWay === 0) closeSync(this.#fd);
  }

  async #counted(work: Promise<void>): Promise<void> {
    this.#underWay += 1;
    try {
      await work;
    } finally {
      this.#underWay -= 1;
      if (this.#isClosed && this.#underWay === 0) closeSync(this.#fd);
    }
  }

  async #readInto(offset: number, into: Uint8Array): Promise<void> {
    const step = this.#aligned?.take(into.length);
    if (step === undefined) return this.#read(offset, into);
    await this.#read(offset, step.subarray(0, into.length));
    into.set(step.subarray(0, into.length));
    this.#aligned?.give(step);
  }

  async #writeFrom(offset: number, from: Uint8Array): Promise<void> {
    const step = this.#aligned?.take(from.length);
    if (step === undefined) return this.#write(offset, from);
    step.set(from);
    await this.#write(offset, step.subarray(0, from.length));
    this.#aligned?.give(step);
  }

  async #read(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await readAt(this.#fd, into, done, into.length - done, offset + done);
      if (bytesRead === 0) throw new Error(`the device ends at ${offset + done}`);
      done += bytesRead;
    }
  }

  async #write(offset: number, from: Uint8Array): Promise<void> {
    for (let done = 0; done < from.length; ) {
      const { bytesWritten } = await writeAt(this.#fd, from, done, from.length - done, offset + done);
      done += bytesWritten;
    }
  }

  async #punch(offset: number, length: number): Promise<void> {
    try {
      await punchHole(this.#fd, offset, length);
    } catch (error) {
      if ((error as { code?: string }).code !== "EOPNOTSUPP") throw error;
      for (let done = 0; done < length; done += ZEROS.length) {
        await this.#writeFrom(offset + done, ZEROS.subarray(0, length - done));
      }
    }
  }

  writeOut(offset: number, length: number): Promise<void> {
    return this.#counted(this.#beginWriteOut(offset, length));
  }

  async #beginWriteOut(offset: number, length: number): Promise<void> {
    if (this.#aligned === undefined) await beginWriteOut(this.#fd, offset, length);
  }

  async #synced(): Promise<void> {
    const { kind } = await this.#syncs.sync();
    if (kind !== "ok") throw new Error(`a sync of ${this.#path} has failed; see the system's log`);
  }
}
