/** What one EXTENDED COPY may ask for: told by RECEIVE COPY RESULTS and VPD page 8Fh, and enforced. */
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
