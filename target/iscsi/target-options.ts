/** How a target is set up, and what it tells of its sessions: the types of the public API. */
import type { Luns } from "../scsi/own-units.ts";
import type { DeviceServer } from "../scsi/transport.ts";
import type { ChapCredentials } from "./chap.ts";
import type { Redirection, SessionKind } from "./login-policy.ts";

export interface Portal {
  readonly host: string;
  readonly port: number;
}

/** Who may log in, and where it is told to. Asked at every login and discovery, so it may change at any time. */
export interface TargetAccess {
  /** Whether this initiator may know of the target. One that may not is told that there is none (RFC 7143 11.13.5, "not found"). */
  authorize(initiatorName: string): boolean;
  /** The address that an initiator is told instead of the one listened on. */
  advertised?(initiatorName: string, portal: Portal): Portal | undefined;
  /** What an initiator must prove by CHAP (RFC 7143 12.1) before a session of this kind; undefined: nothing. */
  credentials?(initiatorName: string, kind: SessionKind): ChapCredentials | undefined;
  /** Another address where this initiator is to log in (RFC 7143 11.13.5, "target moved"); undefined: here. */
  redirect?(initiatorName: string): Redirection | undefined;
  /** Whether this initiator may end the sessions of all by TARGET COLD RESET (RFC 7143 11.5.1). Absent: it may. */
  mayColdReset?(initiatorName: string): boolean;
}

/** What a target puts up with. Each may be given alone. */
export interface TargetLimits {
  /** Connections at a time; more are closed without a word. Default 1024. */
  readonly connections: number;
  /** Connections from one address that have not logged in; more are closed without a word. Default 128. */
  readonly loginsPerAddress: number;
  /** Connections taken from one address in a second, and as many at once after a silence; more are closed without a word. Default 500. */
  readonly loginsPerSecond: number;
  /** From connection to full feature phase. Default 15,000. */
  readonly loginTimeMs: number;
  /** Connections that one session may have: MaxConnections (13.2). Default 1. */
  readonly connectionsPerSession: number;
  /** Commands under way in one session: its command window (RFC 7143 4.2.2.1). Default 128. */
  readonly tasksPerSession: number;
  /** Longest data segment taken, 512 to 16,777,215: MaxRecvDataSegmentLength (13.12). Default 262,144. */
  readonly pduBytes: number;
  /** Longest text of a login or a text request, over all of its PDUs. Default 65,536. */
  readonly textBytes: number;
  /** How long initiators that were asked to log out, because the target closes, have for it; 0 asks nobody. Default 2,000. */
  readonly logoutTimeMs: number;
  /** How long a peer that reads nothing may hold up the end of its connection. Default 5,000. */
  readonly closeTimeMs: number;
  /** How long a peer may leave data unacknowledged (TCP_USER_TIMEOUT, RFC 5482). Default 30,000. */
  readonly deadPeerTimeMs: number;
  /** Silence after which an initiator that pings is pinged (NOP-In, 11.19). Default 10,000. */
  readonly pingAfterMs: number;
  /** How long it may take to say anything then. Default 10,000. */
  readonly pingAnswerMs: number;
}

/** Where a target writes what it has to say; pino fits. Without one it is silent. Secrets never get there. */
export interface TargetLogger {
  /** Why a login was refused, or a connection ended. */
  info(fields: object, message: string): void;
  /** Bugs, which are `error` events as well. */
  error(fields: object, message: string): void;
}

export interface TargetOptions {
  /** An iSCSI name: iqn., eui. or naa. (RFC 7143 4.2.7). */
  readonly name: string;
  /** What it presents. Either this or `server` is given. */
  readonly luns?: Luns;
  /** A device server of the caller's own, for LUNs that come and go or differ between initiators. */
  readonly server?: DeviceServer;
  /** Absent: everybody may log in. */
  readonly access?: TargetAccess;
  /** Target portal group tag, and target port group for ALUA: 1 to 65,535. Default 1. */
  readonly portGroup?: number;
  /** SPC-4 7.8.6.5: 1 to 65,535. Default 1. */
  readonly relativePortId?: number;
  readonly limits?: Partial<TargetLimits>;
  readonly logger?: TargetLogger;
  /** Unpredictable bytes for CHAP challenges; by default those of node:crypto. */
  readonly random?: (bytes: number) => Buffer;
}

/** One SCSI command that was answered. */
export interface CommandRow {
  /** `id` of its session. */
  readonly session: string;
  readonly initiator: string;
  /** Undefined where the eight bytes name none that could exist here (SAM-5 4.7). */
  readonly lun: number | undefined;
  /** The first byte of `cdb`. */
  readonly opcode: number;
  /** As it came: 16 bytes, whatever the command has. */
  readonly cdb: Uint8Array;
  /** SAM-5 5.3.1. */
  readonly status: number;
  /** What came with CHECK CONDITION (SPC-4 4.5). */
  readonly sense: Uint8Array | undefined;
}

/** One session, as it stands. */
export interface SessionRow {
  readonly id: string;
  readonly initiator: string;
  /** HOST:PORT of the initiator's end. */
  readonly address: string;
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  /** SCSI commands since its login. */
  readonly commands: number;
  /** SCSI commands under way. */
  readonly queue: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}
