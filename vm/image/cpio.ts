/**
 * Archives in cpio's "newc" format, which the kernel unpacks as its first root file system
 * (Linux Documentation/driver-api/early-userspace/buffer-format.rst). Pure: entries in, bytes out.
 */

export type ArchiveEntry =
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly kind: "directory"; readonly path: string; readonly mode: number }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string }
  | {
      readonly kind: "character-device";
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

/** File type bits of st_mode (POSIX sys/stat.h). */
const TYPE_BITS = { file: 0o100000, directory: 0o040000, symlink: 0o120000, "character-device": 0o020000 } as const;

const TRAILER = "TRAILER!!!";
const HEADER_BYTES = 110;
/** The kernel wants each header and each content on a multiple of 4; whole archives are padded so that another may follow. */
const ALIGNMENT_BYTES = 4;
const ARCHIVE_ALIGNMENT_BYTES = 512;

/**
 * An archive of `entries`, with the directories that lead to them added where they are not entries
 * themselves. Paths are relative ("etc/hostname"); a path that occurs twice takes its last entry.
 * Several archives one after the other unpack in order, each over the one before.
 */
export function cpioArchive(entries: Iterable<ArchiveEntry>): Buffer {
  const byPath = new Map<string, ArchiveEntry>();
  for (const entry of entries) {
    checkPath(entry.path);
    for (const directory of parentsOf(entry.path)) {
      if (!byPath.has(directory)) byPath.set(directory, { kind: "directory", path: directory, mode: 0o755 });
    }
    byPath.set(entry.path, entry);
  }
  const sorted = [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const parts = sorted.flatMap((entry, index) => encodeEntry(entry, index + 1));
  parts.push(header({ inode: 0, mode: 0, links: 1, contentBytes: 0, name: TRAILER, major: 0, minor: 0 }));
  const archiveBytes = parts.reduce((sum, part) => sum + part.length, 0);
  parts.push(padding(archiveBytes, ARCHIVE_ALIGNMENT_BYTES));
  return Buffer.concat(parts);
}

/** The entries of an archive that `cpioArchive` made; what is padded behind its end is not looked at. */
export function readCpioArchive(archive: Buffer): ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  for (let at = 0; ; ) {
    const field = (index: number) =>
      Number.parseInt(archive.toString("latin1", at + 6 + index * 8, at + 14 + index * 8), 16);
    const [mode, contentBytes, nameBytes] = [field(1), field(6), field(11)];
    const name = archive.toString("utf8", at + HEADER_BYTES, at + HEADER_BYTES + nameBytes - 1);
    if (name === TRAILER) return entries;
    const start = aligned(at + HEADER_BYTES + nameBytes);
    const content = archive.subarray(start, start + contentBytes);
    entries.push(decodeEntry(name, mode, content, { major: field(9), minor: field(10) }));
    at = aligned(start + contentBytes);
  }
}

function decodeEntry(
  path: string,
  mode: number,
  content: Buffer,
  device: { major: number; minor: number },
): ArchiveEntry {
  const permissions = mode & 0o7777;
  switch (mode & 0o170000) {
    case TYPE_BITS.file:
      return { kind: "file", path, mode: permissions, content };
    case TYPE_BITS.directory:
      return { kind: "directory", path, mode: permissions };
    case TYPE_BITS.symlink:
      return { kind: "symlink", path, target: content.toString() };
    case TYPE_BITS["character-device"]:
      return { kind: "character-device", path, mode: permissions, ...device };
    default:
      throw new RangeError(`'${path}' is of a kind that no archive of ours has: mode ${mode.toString(8)}`);
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}

function encodeEntry(entry: ArchiveEntry, inode: number): Uint8Array[] {
  const content = contentOf(entry);
  const device = entry.kind === "character-device" ? entry : { major: 0, minor: 0 };
  const permissions = entry.kind === "symlink" ? 0o777 : entry.mode;
  const links = entry.kind === "directory" ? 2 : 1;
  const mode = TYPE_BITS[entry.kind] | permissions;
  return [
    header({
      inode,
      mode,
      links,
      contentBytes: content.length,
      name: entry.path,
      major: device.major,
      minor: device.minor,
    }),
    content,
    padding(content.length, ALIGNMENT_BYTES),
  ];
}

function contentOf(entry: ArchiveEntry): Uint8Array {
  if (entry.kind === "file") return entry.content;
  if (entry.kind === "symlink") return Buffer.from(entry.target);
  return new Uint8Array(0);
}

interface HeaderFields {
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly contentBytes: number;
  readonly name: string;
  readonly major: number;
  readonly minor: number;
}

/** c_magic, then thirteen fields of eight hexadecimal digits, then the name with its NUL, padded together. */
function header(fields: HeaderFields): Buffer {
  const name = Buffer.from(`${fields.name}\0`);
  const modifiedAt = 0;
  const [userId, groupId, deviceMajor, deviceMinor, checksum] = [0, 0, 0, 0, 0];
  const numbers = [
    fields.inode,
    fields.mode,
    userId,
    groupId,
    fields.links,
    modifiedAt,
    fields.contentBytes,
    deviceMajor,
    deviceMinor,
    fields.major,
    fields.minor,
    name.length,
    checksum,
  ];
  const text = `070701${numbers.map((value) => value.toString(16).padStart(8, "0")).join("")}`;
  return Buffer.concat([Buffer.from(text), name, padding(HEADER_BYTES + name.length, ALIGNMENT_BYTES)]);
}

function padding(lengthBytes: number, alignmentBytes: number): Buffer {
  return Buffer.alloc((alignmentBytes - (lengthBytes % alignmentBytes)) % alignmentBytes);
}

function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

function checkPath(path: string): void {
  const parts = path.split("/");
  const bad =
    path === TRAILER || path.includes("\0") || parts.some((part) => part === "" || part === "." || part === "..");
  if (bad)
    throw new RangeError(
      `'${path}' cannot be a path in a cpio archive: a relative path without empty, '.' or '..' parts is expected`,
    );
}
