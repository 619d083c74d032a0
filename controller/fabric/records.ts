/** What the controller keeps of the fabric besides its zones. */

/** World-wide names of a host or an agent: 16 hexadecimal digits each, never given to another. */
export interface WwnRecord {
  readonly wwnn: string;
  readonly wwpn: string;
}
/** `host:NAME`, `agent:NAME`, `disk:NAME`, or a world-wide name: a port's, a node's, or a disk's of 32 digits. */
export interface AliasRecord {
  readonly name: string;
  readonly members: readonly string[];
}
export interface ZoneSetRecord {
  readonly name: string;
  readonly zones: readonly string[];
}
/** Who sees whom by a zone, every member by its name. */
export interface ZoneMembers {
  readonly hosts: readonly string[];
  readonly agents: readonly string[];
  readonly disks: readonly string[];
}
/** There is one, "fabric". */
export interface FabricRecord {
  /** Whose zones count; null: all zones do. */
  readonly zoneSet: string | null;
  /** The zones that counted before, until every agent has taken away what is no more: meanwhile only what both allow counts. */
  readonly leaving?: readonly ZoneMembers[];
}
