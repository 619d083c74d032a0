/**
 * Operational keys as a table (RFC 7143 clause 13): how each is answered, and what it sets.
 */

/** What a session has agreed on. Sizes in bytes. */
export interface SessionParameters {
  headerDigest: boolean;
  dataDigest: boolean;
  /** What the initiator takes in one PDU. */
  maxSendDataSegmentLength: number;
  maxBurstLength: number;
  firstBurstLength: number;
  initialR2t: boolean;
  immediateData: boolean;
  maxOutstandingR2t: number;
  maxConnections: number;
}

/** RFC 7143 13: the values where a key is not negotiated. */
export function defaultParameters(): SessionParameters {
  return {
    headerDigest: false,
    dataDigest: false,
    maxSendDataSegmentLength: 8192,
    maxBurstLength: 262144,
    firstBurstLength: 65536,
    initialR2t: true,
    immediateData: true,
    maxOutstandingR2t: 1,
    maxConnections: 1,
  };
}

const MAX_FIRST_BURST_BYTES = 256 * 1024;

/** Answers to keys that need one (6.2). */
export const NOT_UNDERSTOOD = "NotUnderstood";
export const IRRELEVANT = "Irrelevant";
export const REJECT = "Reject";

/** What a target's own settings decide. */
export interface Offers {
  /** Connections of one session. */
  readonly maxConnections: number;
}

interface KeyRule {
  /** The reply to an offer, given what is agreed so far; undefined for a declaration, which has none unless it is wrong. */
  readonly reply?: (offer: string, agreed: SessionParameters, ours: Offers) => string | undefined;
  readonly set?: (parameters: SessionParameters, agreed: string) => void;
  /** Said in the leading connection of a session, for all of them (13, "LO"). */
  readonly leadingOnly?: boolean;
  /** Operational keys have no meaning in a discovery session (13, Irrelevant when SessionType=Discovery). */
  readonly normalOnly?: boolean;
}

export const OPERATIONAL_KEYS: Readonly<Record<string, KeyRule>> = {
  HeaderDigest: {
    reply: firstOf("CRC32C", "None"),
    set: (p, v) => {
      p.headerDigest = v === "CRC32C";
    },
  },
  DataDigest: {
    reply: firstOf("CRC32C", "None"),
    set: (p, v) => {
      p.dataDigest = v === "CRC32C";
    },
  },
  MaxRecvDataSegmentLength: {
    reply: (offer) => (numberValue(offer, 512, 0xff_ffff) === undefined ? REJECT : undefined),
    set: (p, v) => {
      p.maxSendDataSegmentLength = Number(v);
    },
  },
  MaxConnections: {
    reply: (offer, _agreed, { maxConnections }) => minimum(maxConnections, 1, 65535)(offer),
    set: (p, v) => {
      p.maxConnections = Number(v);
    },
    normalOnly: true,
  },
  InitialR2T: {
    reply: or(false),
    set: (p, v) => {
      p.initialR2t = v === "Yes";
    },
    normalOnly: true,
  },
  ImmediateData: {
    reply: and(true),
    set: (p, v) => {
      p.immediateData = v === "Yes";
    },
    normalOnly: true,
  },
  MaxBurstLength: {
    reply: minimum(1024 * 1024, 512, 0xff_ffff),
    set: (p, v) => {
      p.maxBurstLength = Number(v);
    },
    normalOnly: true,
  },
  FirstBurstLength: {
    // It must not exceed MaxBurstLength (13.14).
    reply: (offer, { maxBurstLength }) =>
      minimum(Math.min(MAX_FIRST_BURST_BYTES, maxBurstLength), 512, 0xff_ffff)(offer),
    set: (p, v) => {
      p.firstBurstLength = Number(v);
    },
    normalOnly: true,
  },
  MaxOutstandingR2T: {
    reply: minimum(1, 1, 65535),
    set: (p, v) => {
      p.maxOutstandingR2t = Number(v);
    },
    normalOnly: true,
  },
  DefaultTime2Wait: { reply: maximum(2, 0, 3600), leadingOnly: true },
  DefaultTime2Retain: { reply: minimum(0, 0, 3600), leadingOnly: true },
  DataPDUInOrder: { reply: or(true), normalOnly: true },
  DataSequenceInOrder: { reply: or(true), normalOnly: true },
  ErrorRecoveryLevel: { reply: minimum(0, 0, 2), leadingOnly: true },
  IFMarker: { reply: () => "No" },
  OFMarker: { reply: () => "No" },
  IFMarkInt: { reply: () => IRRELEVANT },
  OFMarkInt: { reply: () => IRRELEVANT },
  TaskReporting: { reply: firstOf("RFC3720"), normalOnly: true },
  iSCSIProtocolLevel: { reply: minimum(1, 0, 31), leadingOnly: true },
  InitiatorAlias: {},
  // What only targets say, and what only full feature phase knows (13.4 to 13.9).
  SendTargets: { reply: () => REJECT },
  TargetAlias: { reply: () => REJECT },
  TargetAddress: { reply: () => REJECT },
  TargetPortalGroupTag: { reply: () => REJECT },
};

/** A numerical-value (6.1) in its range; undefined where it is none. */
export function numberValue(text: string, low: number, high: number): number | undefined {
  const value = /^(0[xX][0-9a-fA-F]+|\d+)$/.test(text) ? Number(text) : Number.NaN;
  return value >= low && value <= high ? value : undefined;
}

function minimum(ours: number, low: number, high: number): (offer: string) => string {
  return (offer) => {
    const value = numberValue(offer, low, high);
    return value === undefined ? REJECT : String(Math.min(value, ours));
  };
}

function maximum(ours: number, low: number, high: number): (offer: string) => string {
  return (offer) => {
    const value = numberValue(offer, low, high);
    return value === undefined ? REJECT : String(Math.max(value, ours));
  };
}

function or(ours: boolean): (offer: string) => string {
  return (offer) => (offer !== "Yes" && offer !== "No" ? REJECT : ours || offer === "Yes" ? "Yes" : "No");
}

function and(ours: boolean): (offer: string) => string {
  return (offer) => (offer !== "Yes" && offer !== "No" ? REJECT : ours && offer === "Yes" ? "Yes" : "No");
}

/** Of a list in the initiator's order of preference, the first that we know (6.2.1). */
function firstOf(...known: readonly string[]): (offer: string) => string {
  return (offer) => offer.split(",").find((value) => known.includes(value)) ?? REJECT;
}
