/** What a login asks of its target, and how it ends. */
import type { ChapCredentials } from "./chap.ts";
import type { SessionParameters } from "./keys.ts";

export type SessionKind = "normal" | "discovery";

/** Where an initiator is sent instead (RFC 7143 11.13.5, status class 1). */
export interface Redirection {
  readonly host: string;
  readonly port: number;
  /** Moved permanently, rather than for now. */
  readonly permanent?: boolean;
}

/** Which initiator port wants which connection of which session (RFC 7143 11.12.5 to 11.12.7). */
export interface SessionClaim {
  readonly initiatorName: string;
  /** 48 bits. */
  readonly isid: number;
  readonly tsih: number;
  readonly cid: number;
}

/** A session that takes one more connection. */
export interface JoinedSession {
  readonly parameters: SessionParameters;
  readonly window: { readonly expCmdSn: number; readonly maxCmdSn: number };
}

/** Whom and what an initiator may log in to, as its target decides it. */
export interface LoginPolicy {
  readonly targetName: string;
  readonly portalGroupTag: number;
  /** MaxRecvDataSegmentLength that we declare. */
  readonly pduBytes: number;
  /** Longest text of an initiator, over all its requests. */
  readonly textBytes: number;
  authorize(initiatorName: string): boolean;
  /** What the initiator must prove; undefined: nothing. */
  credentials(initiatorName: string, kind: SessionKind): ChapCredentials | undefined;
  redirect(initiatorName: string): Redirection | undefined;
  /** Whether new sessions are taken at all. */
  isOpen(): boolean;
  /** Connections that a session may have (13.2). */
  readonly maxConnections: number;
  /** The session that TSIH ≠ 0 names, to add a connection to it. @throws LoginRefused where there is none, or it takes none */
  join(claim: SessionClaim): JoinedSession;
  newTsih(): number;
  /** Fresh, unpredictable bytes. */
  random(bytes: number): Buffer;
}

export interface LoginResult extends SessionClaim {
  readonly discovery: boolean;
  /** It adds a connection to a session that is there. */
  readonly joined: boolean;
  readonly parameters: SessionParameters;
  /** CmdSN that the first command will carry. */
  readonly cmdSn: number;
  /** StatSN of our next response. */
  readonly statSn: number;
}

/** A login that was answered with a failure (11.13.5, class and detail as one number); the connection ends. */
export class LoginRefused extends Error {
  readonly status: number;
  readonly redirection: Redirection | undefined;

  constructor(status: number, reason: string, redirection?: Redirection) {
    super(reason);
    this.status = status;
    this.redirection = redirection;
  }
}
