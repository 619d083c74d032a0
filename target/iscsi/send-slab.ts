/**
 * Memory that PDUs leave from. Read data is read to where it will be sent from, with room for its
 * header in front, so that the PDUs of one turn stand one behind the other and leave by one
 * system call, without a copy.
 *
 * Slabs are used again as soon as their PDUs have left, the latest first: a steady load stays in
 * the same few hundred kilobytes, which the processor's caches keep. Fresh memory for each reply
 * cost a third of all time (`docs/performance.md`).
 */
import { rememberAddress } from "../storage/syscalls/libc.ts";
import { BHS_BYTES } from "./pdus.ts";

export const SLAB_BYTES = 512 * 1024;
/** The most data that a room is cut for; more has memory of its own. */
export const MAX_ROOM_DATA_BYTES = SLAB_BYTES / 2;
/** What lies unused between bursts, in all; more is left to the garbage collector. */
const MAX_FREE_SLABS = 16;

export class SendSlab {
  readonly bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
  readonly view = new DataView(this.bytes.buffer);
  /** Rooms as they were cut last, in order: a steady load cuts the same again, and views of memory are dear. */
  readonly rooms: Room[] = [];
  /** How many rooms with data were cut since the slab was last free. */
  cut = 0;
  /** Everything before this is lent, or was since the slab was last free. */
  used = 0;
  /** Rooms that were lent and have not left. A room that never leaves keeps its slab from being used again. */
  lent = 0;

  constructor() {
    rememberAddress(this.bytes);
  }
}

/** A stretch of a slab for one PDU. */
export interface Room {
  readonly slab: SendSlab;
  /** Where its header stands. */
  readonly at: number;
  /** Where its data stands, behind the header's digest. */
  readonly dataAt: number;
  readonly dataBytes: number;
  readonly data: Buffer;
  /** Where it ends, behind the data's padding and digest. */
  readonly end: number;
}

const NO_DATA = Buffer.alloc(0);
const free: SendSlab[] = [];

export function takeSlab(): SendSlab {
  return free.pop() ?? new SendSlab();
}

/** Leaves what lies unused to the garbage collector. */
export function forgetSendSlabs(): void {
  free.length = 0;
}

export function giveSlabBack(slab: SendSlab): void {
  slab.used = 0;
  slab.cut = 0;
  if (free.length < MAX_FREE_SLABS) free.push(slab);
}

/** Cuts a room that ends `digestBytes` behind its padded data; undefined where the slab has no more place. */
export function cutRoom(slab: SendSlab, headerBytes: number, dataBytes: number, digestBytes: number): Room | undefined {
  const at = slab.used;
  const dataAt = at + headerBytes;
  const end = dataAt + dataBytes + (-dataBytes & 3) + digestBytes;
  if (end > SLAB_BYTES) return undefined;
  slab.used = end;
  slab.lent += 1;
  if (dataBytes === 0) return { slab, at, dataAt, dataBytes, data: NO_DATA, end };
  const known = slab.rooms[slab.cut];
  const isSame = known?.dataAt === dataAt && known.at === at && known.dataBytes === dataBytes && known.end === end;
  if (isSame) {
    slab.cut += 1;
    return known;
  }
  const data = slab.bytes.subarray(dataAt, dataAt + dataBytes);
  const room = { slab, at, dataAt, dataBytes, data, end };
  slab.rooms[slab.cut] = room;
  slab.cut += 1;
  return room;
}

/** Zeroes the header of a PDU. `fill` would cost several times as much for so few bytes. */
export function clearHeader({ slab: { view }, at }: Room): void {
  for (let byte = at; byte < at + BHS_BYTES; byte += 8) view.setFloat64(byte, 0);
}
