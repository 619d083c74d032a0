/**
 * One entry (210) of a mapping table (200): where a virtual segment lies, and its states.
 *
 * Eight bytes, the same in the agent's memory, on the channel and in the controller's store, so
 * that a chunk of entries is copied and never translated. Two 32-bit words, little-endian where
 * they leave the process:
 *
 *     word 0   bits 31..28  states: E, Inv, Z, Nw        bits 27..0  device segment
 *     word 1   bits 31..20  device number (0 = none)     bits 19..16 sense key of E
 *              bits 15..8   ASC of E                     bits 7..0   ASCQ of E
 *
 * E keeps all the rest, so clearing it restores exactly what was. Without a sense it says that the
 * device was lost: an E that is set by hand has one.
 */

/** States (240 to 270), as bits of word 0. Precedence when several are set: E, Inv, Z, Nw. */
export const EntryState = {
  /** E (270): every I/O fails at once with the sense in word 1. */
  ERROR: 0x8000_0000,
  /** Inv (240): unknown here; any I/O faults. */
  INVALID: 0x4000_0000,
  /** Z (260): reads as zeros without a device; a write faults. */
  ZERO: 0x2000_0000,
  /** Nw (250): reads go to the location; a write faults. */
  NO_WRITE: 0x1000_0000,
} as const;

/** The sense of E, in word 1. */
export const SENSE_BITS = 0x000f_ffff;

export const ENTRY_BYTES = 8;
/** Entries to a chunk: the unit in which tables are stored, shared and fetched. */
export const CHUNK_ENTRIES = 1024;
export const CHUNK_BYTES = CHUNK_ENTRIES * ENTRY_BYTES;

/** Limits that the layout sets, inclusive. */
export const MAX_DEVICE_SEGMENT = 0x0fff_ffff;
export const MAX_DEVICE_NUMBER = 0xfff;
/** The largest table: 64 Mi segments (64 TiB of 1 MiB segments). */
export const MAX_TABLE_SEGMENTS = 64 * 1024 * 1024;

/** An entry as people and JSON see it. Absent states are false; `location` is absent where there is none. */
export interface Entry {
  readonly error?: { readonly senseKey: number; readonly asc: number; readonly ascq: number };
  readonly invalid?: boolean;
  readonly zero?: boolean;
  readonly noWrite?: boolean;
  readonly location?: { readonly device: number; readonly segment: number };
}
