/** What of Linux' FUSE protocol (include/uapi/linux/fuse.h, 7.31) a file system in memory needs: requests as they are read from /dev/fuse, and answers. */

import { GROUP, USER } from "./mount.ts";

export const Opcode = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  CREATE: 35,
  INTERRUPT: 36,
  DESTROY: 38,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  RENAME2: 45,
} as const;

/** Negative in answers (errno(3)). */
export const Errno = { NOENT: 2, EXIST: 17, NOTDIR: 20, INVAL: 22, NOSYS: 38, NOTEMPTY: 39, NOTSUP: 95 } as const;

export const IN_HEADER_BYTES = 40;
const OUT_HEADER_BYTES = 16;
export const MAX_WRITE = 128 * 1024;
/** FUSE_BIG_WRITES, FUSE_MAX_PAGES. */
const INIT_FLAGS = (1 << 5) | (1 << 22);
const MINOR = 31;
/** FOPEN_KEEP_CACHE: nobody but the kernel changes files. */
const KEEP_CACHE = 2;
/** Names and attributes hold as long as the mount, seconds. */
const FOR_GOOD = 86_400n;

export interface Request {
  readonly opcode: number;
  readonly unique: bigint;
  readonly node: number;
  readonly body: Buffer;
}

export interface Attributes {
  readonly node: number;
  readonly mode: number;
  readonly size: number;
}

export function decodeRequest(message: Buffer): Request {
  return {
    opcode: message.readUInt32LE(4),
    unique: message.readBigUInt64LE(8),
    node: Number(message.readBigUInt64LE(16)),
    body: message.subarray(IN_HEADER_BYTES),
  };
}

/** `error`: an errno, 0: none. */
export function encodeAnswer(unique: bigint, error: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(OUT_HEADER_BYTES);
  header.writeUInt32LE(OUT_HEADER_BYTES + body.length, 0);
  header.writeInt32LE(-error, 4);
  header.writeBigUInt64LE(unique, 8);
  return Buffer.concat([header, body]);
}

/** Strings that end with a zero byte. */
export function names(body: Buffer, from: number): string[] {
  return body.subarray(from).toString("utf8").split("\0").slice(0, -1);
}

export function initAnswer(): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(MINOR, 4);
  body.writeUInt32LE(MAX_WRITE, 8);
  body.writeUInt32LE(INIT_FLAGS, 12);
  body.writeUInt16LE(16, 16);
  body.writeUInt16LE(12, 18);
  body.writeUInt32LE(MAX_WRITE, 20);
  body.writeUInt32LE(1, 24);
  body.writeUInt16LE(MAX_WRITE / 4096, 28);
  return body;
}

function attributes({ node, mode, size }: Attributes): Buffer {
  const body = Buffer.alloc(88);
  body.writeBigUInt64LE(BigInt(node), 0);
  body.writeBigUInt64LE(BigInt(size), 8);
  body.writeBigUInt64LE(BigInt(Math.ceil(size / 512)), 16);
  body.writeUInt32LE(mode, 60);
  body.writeUInt32LE(1, 64);
  body.writeUInt32LE(USER, 68);
  body.writeUInt32LE(GROUP, 72);
  body.writeUInt32LE(4096, 80);
  return body;
}

export function attributesAnswer(of: Attributes): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64LE(FOR_GOOD, 0);
  return Buffer.concat([head, attributes(of)]);
}

export function entryAnswer(of: Attributes): Buffer {
  const head = Buffer.alloc(40);
  head.writeBigUInt64LE(BigInt(of.node), 0);
  head.writeBigUInt64LE(FOR_GOOD, 16);
  head.writeBigUInt64LE(FOR_GOOD, 24);
  return Buffer.concat([head, attributes(of)]);
}

export function openAnswer(): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(KEEP_CACHE, 8);
  return body;
}

export function writeAnswer(bytes: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(bytes, 0);
  return body;
}

export function statfsAnswer(): Buffer {
  const body = Buffer.alloc(80);
  for (const at of [0, 8, 16, 24, 32]) body.writeBigUInt64LE(1n << 24n, at);
  body.writeUInt32LE(4096, 40);
  body.writeUInt32LE(255, 44);
  body.writeUInt32LE(4096, 48);
  return body;
}

/** As many entries after `offset` as fit. */
export function directoryAnswer(
  entries: readonly { name: string; node: number; mode: number }[],
  offset: number,
  room: number,
): Buffer {
  const parts: Buffer[] = [];
  let left = room;
  for (const [at, { name, node, mode }] of entries.entries()) {
    if (at < offset) continue;
    const text = Buffer.from(name);
    const entry = Buffer.alloc(24 + Math.ceil(text.length / 8) * 8);
    if (entry.length > left) break;
    entry.writeBigUInt64LE(BigInt(node), 0);
    entry.writeBigUInt64LE(BigInt(at + 1), 8);
    entry.writeUInt32LE(text.length, 16);
    entry.writeUInt32LE(mode >>> 12, 20);
    text.copy(entry, 24);
    parts.push(entry);
    left -= entry.length;
  }
  return Buffer.concat(parts);
}
