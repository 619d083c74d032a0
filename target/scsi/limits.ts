/** What one command may ask for: told to hosts in VPD page B0h (SBC-4 6.6.4), and enforced. */

/** The longest READ, WRITE or VERIFY. */
export const MAX_TRANSFER_BYTES = 16 * 1024 * 1024;
/** What hosts should prefer for one transfer. */
export const OPTIMAL_TRANSFER_BYTES = 1024 * 1024;
/** Transfers of multiples of this do not make the device read before it writes. */
export const OPTIMAL_GRANULARITY_BYTES = 4096;
/** Of the field of one byte that says it, less than all, so that 256 blocks are too many and not none. */
export const MAX_COMPARE_AND_WRITE_BLOCKS = 128;
/** What WRITE SAME(10) can say, so that both forms have one limit. */
export const MAX_WRITE_SAME_BLOCKS = 0xffff;
/** SANITIZE OVERWRITE leaves the device to others most of the time. */
export const OVERWRITE_BYTES_PER_SECOND = 24 * 1024 * 1024;
/** All ranges of one UNMAP together. */
export const MAX_UNMAP_BLOCKS = 1024 * 1024;
export const MAX_UNMAP_DESCRIPTORS = 256;
/** Registrations of one unit (SPC-4 5.13.7): what a host may make it remember. */
export const MAX_REGISTRATIONS = 1024;
/** What READ and WRITE BUFFER reach; an echo has at most 4,096 bytes (SPC-4 6.24.6). */
export const BUFFER_BYTES = 65_536;
export const ECHO_BUFFER_BYTES = 4096;
/** Parameter lists other than UNMAP's are short; a longer one is refused before it is asked for. */
export const MAX_PARAMETER_LIST_BYTES = 4096;
