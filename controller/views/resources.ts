/**
 * The shapes of the HTTP API of further tables:
 *
 *     GET /v1/tables      POST /v1/disks/:disk/tables      DELETE /v1/disks/:disk/tables/:table
 */

export interface TableRequest {
  readonly name: string;
  /** Segments of the disk, in the order in which hosts are to see them; none twice. */
  readonly ranges: readonly TableRange[];
}
export interface TableRange {
  readonly first: number;
  readonly count: number;
}
/** A further table of a disk. */
export interface Table {
  readonly disk: string;
  readonly name: string;
  /** Never reused. */
  readonly id: string;
  readonly ranges: readonly TableRange[];
  readonly segments: number;
  readonly sizeBytes: number;
  readonly naa: string;
  readonly serial: string;
  /** RFC 3339. */
  readonly createdAt: string;
}
