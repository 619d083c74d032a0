/**
 * The fabric's shapes of the HTTP API:
 *
 *     GET /v1/fabric              PUT /v1/fabric { zoneSet }          GET /v1/masks
 *     PUT /v1/agents/:agent/access { state }
 *     GET|POST /v1/aliases        PUT|DELETE /v1/aliases/:alias
 *     GET|POST /v1/zonesets       PUT|DELETE /v1/zonesets/:zoneset
 */

/** Members as `host:web`, `agent:a`, `disk:data`, or by world-wide name. */
export interface Alias {
  readonly name: string;
  readonly members: readonly string[];
}
export interface ZoneSet {
  readonly name: string;
  readonly zones: readonly string[];
}

/** A host's or an agent's; world-wide names as "30:1a:…". */
export interface FabricPort {
  readonly kind: "host" | "agent";
  readonly name: string;
  readonly wwnn: string;
  readonly wwpn: string;
  /** Its iSCSI name. */
  readonly address: string;
  /** Those that count now. */
  readonly zones: readonly string[];
}
export interface FabricUnit {
  readonly disk: string;
  /** A further table of the disk; null: the disk as a whole. */
  readonly table: string | null;
  /** 32 hexadecimal digits. */
  readonly naa: string;
  readonly zones: readonly string[];
}
/** A session: the ports at its two ends. */
export interface FabricLogin {
  readonly host: string | null;
  readonly wwpn: string | null;
  readonly agent: string;
  readonly agentWwpn: string;
  /** HOST:PORT of the host's end. */
  readonly address: string;
}
export interface Fabric {
  /** The active zone set; null: all zones count. */
  readonly zoneSet: string | null;
  readonly ports: readonly FabricPort[];
  readonly units: readonly FabricUnit[];
  readonly logins: readonly FabricLogin[];
}
export interface Mask {
  readonly host: string;
  readonly disk: string;
  readonly table: string | null;
  readonly lun: number;
}
