/** Sense that answers a fault which cannot be served. */
export interface Sense {
  readonly senseKey: number;
  readonly asc: number;
  readonly ascq: number;
}

/** DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT (SBC-4 4.7.3.6). */
export const POOL_FULL: Sense = { senseKey: 0x7, asc: 0x27, ascq: 0x07 };
/** MEDIUM ERROR, UNRECOVERED READ ERROR: what the other holders need cannot be copied. */
export const SOURCE_UNREADABLE: Sense = { senseKey: 0x3, asc: 0x11, ascq: 0x00 };
/** MEDIUM ERROR, WRITE ERROR. */
export const TARGET_UNWRITABLE: Sense = { senseKey: 0x3, asc: 0x0c, ascq: 0x00 };
/** HARDWARE ERROR, INTERNAL TARGET FAILURE: the controller could not do it, and its log says why. */
export const INTERNAL_FAILURE: Sense = { senseKey: 0x4, asc: 0x44, ascq: 0x00 };
/** DATA PROTECT, WRITE PROTECTED: a table that takes no writes. */
export const WRITE_PROTECTED: Sense = { senseKey: 0x7, asc: 0x27, ascq: 0x00 };
/** MEDIUM ERROR, READ ERROR - LBA MARKED BAD BY APPLICATION CLIENT: a repair of the tables could not tell what was here. */
export const LOST: Sense = { senseKey: 0x3, asc: 0x11, ascq: 0x14 };
