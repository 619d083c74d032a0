/** What one copy may ask for: told by RECEIVE COPY RESULTS and VPD page 8Fh, and enforced. */
export const MAX_CSCDS = 8;
export const MAX_SEGMENTS = 16;
/** All descriptors together: as many as there may be, of the sizes that there are. */
export const MAX_DESCRIPTOR_BYTES = MAX_CSCDS * 32 + MAX_SEGMENTS * 28;
/** Of one segment: what its field of two bytes can say, in blocks of 4096 bytes. */
export const MAX_SEGMENT_BYTES = 0xffff * 4096;
/** Of one nexus. */
export const MAX_CONCURRENT_COPIES = 16;
/** DATA SEGMENT GRANULARITY: blocks of 2 to the 9th bytes. */
export const DATA_GRANULARITY = 9;
export const DescriptorType = { BLOCK_TO_BLOCK: 0x02, IDENTIFICATION: 0xe4 } as const;

// --- POPULATE TOKEN and WRITE USING TOKEN (SBC-4 6.6.9.3) ------------------------------------------

/** Ranges of one list, and of one token. */
export const MAX_TOKEN_RANGES = 64;
/** All ranges of one list together. */
export const MAX_TOKEN_BYTES = 16 * 1024 ** 3;
/** What Windows asks for at a time where it is not told. */
export const OPTIMAL_TOKEN_BYTES = 64 * 1024 ** 2;
/** How long a token that nobody uses stays, where its host does not say, and at most. */
export const DEFAULT_INACTIVITY_S = 60;
export const MAX_INACTIVITY_S = 600;
/** However often it is used. */
export const TOKEN_LIFETIME_S = 3600;
/** Valid tokens of one initiator device, and of all: what hosts may make the target remember. */
export const MAX_TOKENS_OF_ONE = 256;
export const MAX_TOKENS = 4096;
