/**
 * The shapes of the HTTP API: what the controller serves, and the command line relies on.
 * JSON Schemas of the same names stand in `schemas.ts`; OpenAPI is generated from them.
 *
 * All under /v1, with `Authorization: Bearer <token>`. Errors are `{ error: { code, message } }`
 * with one sentence for people: 400 (malformed), 401, 403 (Host/Origin), 404, 409 (refused in this
 * state), 507 (out of space). Names match ^[a-z][a-z0-9-]{0,62}$.
 *
 *     GET    /v1/lab
 *     GET    /v1/pools            POST /v1/pools            GET|DELETE /v1/pools/:pool
 *     POST   /v1/pools/:pool/devices
 *     GET    /v1/disks            POST /v1/disks            GET|PATCH|DELETE /v1/disks/:disk
 *     GET    /v1/disks/:disk/map   POST /v1/snapshots
 *     POST   /v1/disks/:disk/restore
 *     POST   /v1/disks/:disk/errors                         DELETE /v1/disks/:disk/errors
 *     DELETE /v1/devices/:device   POST /v1/devices/:device/open
 *     GET    /v1/operations       POST /v1/operations       GET|DELETE /v1/operations/:operation
 *     GET    /v1/agents           POST /v1/agents           GET|DELETE /v1/agents/:agent
 *     GET    /v1/hosts            POST /v1/hosts            GET|DELETE /v1/hosts/:host
 *     GET    /v1/exports          POST /v1/exports          DELETE /v1/exports/:host/:disk
 *     GET    /v1/tables: `views/resources.ts`
 *     GET    /v1/zones            POST /v1/zones            GET|PUT|DELETE /v1/zones/:zone
 *     GET    /v1/faults           POST /v1/faults           DELETE /v1/faults, /v1/faults/:fault
 *     GET    /v1/remote           PUT /v1/remote            DELETE /v1/remote
 *     GET    /v1/sessions         POST /v1/check            GET /v1/openapi.json
 *     GET    /v1/sample: `metrics/resources.ts`, and the same as Prometheus reads it at /metrics (no /v1)
 *     GET    /v1/fabric, /v1/aliases, /v1/zonesets, /v1/masks: `fabric/resources.ts`
 *     WS     /v1/agent            the agents' channel
 */

export type * from "./segment-work.ts";

export interface Lab {
  readonly name: string;
  readonly cluster: string;
  readonly epoch: number;
  readonly version: string;
  readonly pid: number;
}

export interface DeviceRequest {
  /** Absolute path of an image file or block device. */
  readonly path: string;
  /** Creates a sparse image of this size where there is none; required then. */
  readonly sizeBytes?: number;
  /** Take it although it holds something else. */
  readonly force?: boolean;
}
export interface PoolRequest {
  readonly name: string;
  readonly segmentBytes: number;
  readonly devices: readonly DeviceRequest[];
  /** How long a first write waits for space before it fails, ms; 0: at once. */
  readonly queueWhenFullMs?: number;
}
export interface Device {
  readonly device: number;
  readonly uuid: string;
  readonly path: string;
  readonly pool: string;
  readonly sizeBytes: number;
  /** Segments that can hold data (the label's is not among them). */
  readonly segments: number;
  readonly usedSegments: number;
  /** The image file was made by us; destroying the lab removes it. */
  readonly created: boolean;
  /** `closed`: nothing more is placed on it; `unsynced`: a sync has failed, and no flush succeeds until it is opened again; `removed`: taken out by force, and what lies on it fails. */
  readonly state: "online" | "missing" | "closed" | "unsynced" | "removed";
}
export interface Pool {
  readonly name: string;
  readonly segmentBytes: number;
  readonly segments: number;
  readonly usedSegments: number;
  readonly queueWhenFullMs: number;
  readonly devices: readonly Device[];
}

export interface DiskRequest {
  readonly name: string;
  readonly sizeBytes: number;
  readonly pool: string;
  readonly thick?: boolean;
}
export interface Disk {
  readonly name: string;
  /** Id of its table, never reused. */
  readonly table: string;
  readonly sizeBytes: number;
  readonly pool: string;
  readonly thick: boolean;
  readonly naa: string;
  readonly serial: string;
  /** The pool that it is on the way from; null: none. */
  readonly from: string | null;
  readonly kind: "disk" | "snapshot" | "clone";
  readonly readOnly: boolean;
  /** The disk that it was made of, while that exists. */
  readonly origin: string | null;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly segments: number;
  readonly mappedSegments: number;
  /** Of the mapped, those that another disk holds too. */
  readonly sharedSegments: number;
  /** Of the mapped, those that nobody else holds: what is free again when the disk is deleted. */
  readonly ownSegments: number;
}
/** Snapshots of one or several disks, of all at one instant. */
export interface SnapshotRequest {
  readonly snapshots: readonly { readonly disk: string; readonly name: string }[];
  /** A snapshot unless it says otherwise; a clone differs in what it is called only. */
  readonly kind?: "snapshot" | "clone";
  readonly readOnly?: boolean;
}
/**
 * One row for every segment that is not plain zero; `?all=1`: for every segment; `?first=N&count=M`: of these.
 * `state` as letters: E, Inv, Z, Nw (several with a space between), or "" for plain.
 */
export interface MapRow {
  readonly segment: number;
  readonly state: string;
  readonly device: string | null;
  readonly deviceSegment: number | null;
  readonly holders: readonly string[];
  /** Further tables of the disk that have the segment, by name. */
  readonly tables: readonly string[];
}

export interface AgentRequest {
  readonly name: string;
  readonly portal: { readonly host: string; readonly port: number };
  readonly advertise?: { readonly host: string; readonly port?: number };
  /** Absent: hosts prove nothing. The secret is the first line of a file, which agent and hosts' starters read; it never comes here. */
  readonly chap?: { readonly user: string; readonly secretFile: string };
  /** It runs on another machine, under leases of `leaseMs` (8000 where it does not say). */
  readonly remote?: { readonly leaseMs?: number };
  /** It runs on this machine, and under leases all the same. */
  readonly lease?: { readonly leaseMs?: number };
}
/** What an agent of another machine needs to join: shown once, when it is added. */
export interface JoinDocument {
  readonly agent: string;
  /** The controller's URL. */
  readonly controller: string;
  readonly token: string;
  /** The certificate authority of the lab, PEM. */
  readonly ca: string;
}
/** Where the controller listens for other machines, over TLS. */
export interface RemoteListener {
  readonly url: string;
  readonly names: readonly string[];
  readonly ca: string;
}
export interface RemoteRequest {
  readonly host: string;
  readonly port: number;
  /** Under which it is reached, where that is not the address it listens on. */
  readonly names?: readonly string[];
}
export interface Agent {
  readonly name: string;
  readonly pid: number | null;
  /** As bound, "HOST:PORT"; as configured while it is not. */
  readonly portal: string;
  readonly configured: { readonly host: string; readonly port: number };
  readonly advertise: { readonly host: string; readonly port?: number } | null;
  readonly chap: { readonly user: string; readonly secretFile: string } | null;
  readonly target: string;
  /** Relative target port identifier (SPC-4 7.8.6.5): counts from 1 in the order in which agents came, and stays. */
  readonly relativePortId: number;
  readonly incarnation: number;
  readonly state: "new" | "connected" | "disconnected" | "fenced";
  readonly fence: "kill" | "lease";
  /** How long its leases run; null where it is fenced by kill. */
  readonly leaseMs: number | null;
  /** Whether it runs on another machine. */
  readonly elsewhere: boolean;
  readonly problem: string | null;
}

export interface HostRequest {
  readonly name: string;
  readonly iqn: string;
  /** What this host is told in SendTargets, where it differs (10.0.2.2 for a guest on user networking); of a list, one for each agent in turn. */
  readonly advertise?: string | readonly string[];
}
export interface Host {
  readonly name: string;
  readonly iqn: string;
  readonly advertise: string | readonly string[] | null;
}

export interface ExportRequest {
  readonly host: string;
  readonly disk: string;
  /** A further table of the disk; absent: the disk as a whole. */
  readonly table?: string;
  readonly lun?: number;
  /** Only through these agents; absent: through all that a zone shows it. */
  readonly agents?: readonly string[];
}
/** A row per path: an export seen through one agent of a zone that holds host, disk and agent. */
export interface ExportPath {
  readonly host: string;
  readonly iqn: string;
  readonly disk: string;
  /** What is shown, as it is written: `DISK`, or `DISK/TABLE`. */
  readonly unit: string;
  /** The name of a further table, or the id of the disk's own. */
  readonly table: string;
  readonly naa: string;
  readonly sizeBytes: number;
  readonly agent: string;
  readonly portal: string;
  readonly target: string;
  readonly lun: number;
  readonly url: string;
}

/** Hosts, agents and disks that may see each other. */
export interface Zone {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly agents: readonly string[];
  readonly disks: readonly string[];
  /** Further ones: aliases and world-wide names. */
  readonly members?: readonly string[];
  /** It counts whatever zone set is active: of programs of ours that fill a disk, or read it. */
  readonly standing?: boolean;
}

/** A fault on demand; `text` in the grammar of docs/faults.md. Without a name it gets one. */
export interface FaultRequest {
  readonly name?: string;
  readonly text: string;
}
export interface Fault {
  readonly name: string;
  readonly text: string;
  readonly effect: string;
  /** RFC 3339. */
  readonly addedAt: string;
  /** `waiting`: `from` has not come; `over`: `until` has passed; `done`: it has happened, once and for all. */
  readonly state: "waiting" | "active" | "over" | "done";
  /** Commands or device I/O it was for, and how often it happened, since the agents' processes began. */
  readonly matched: number;
  readonly fired: number;
  readonly agents: readonly { readonly agent: string; readonly matched: number; readonly fired: number }[];
  /** Of a storage device's: what the controller itself met, which is among the sums too. Absent: it meets none. */
  readonly controller?: { readonly matched: number; readonly fired: number };
}

/** An iSCSI session; counters since its login. */
export interface Session {
  readonly agent: string;
  readonly id: string;
  readonly initiator: string;
  /** HOST:PORT of the initiator's end. */
  readonly address: string;
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  /** SCSI commands, and those under way. */
  readonly commands: number;
  readonly queue: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface CheckReport {
  readonly consistent: boolean;
  /** `repair`: what a repair does about it, null where it can do nothing; `lost`: something does not come back by it. */
  readonly problems: readonly {
    readonly code: string;
    readonly message: string;
    readonly repair: string | null;
    readonly lost: boolean;
  }[];
  /** The problems have been mended as they say. */
  readonly repaired: boolean;
  /** Where the tables are as they were before the repair. */
  readonly copy?: string;
  /** Agents that did not say what they have of the tables. */
  readonly unheard: readonly string[];
}

/** What a controller leaves in its state directory as `controller.json` (mode 0600 beside `token`) for agents and the command line to find it. */
export interface Endpoint {
  readonly url: string;
  readonly pid: number;
}
