/**
 * The login phase (RFC 7143 6.3), as one conversation from the first request to full feature phase:
 *
 *     security (0) ──▶ operational (1) ──▶ full feature (3)
 *          └─────────────────────────────────▲        an initiator may begin in either of the first two
 */
import { type JoinedSession, type LoginPolicy, LoginRefused, type LoginResult } from "./login-policy.ts";
import { Negotiation } from "./negotiation.ts";
import { LoginStatus, Opcode } from "./opcodes.ts";
import { LoginRequestPdu, LoginResponsePdu } from "./pdus.ts";
import type { Pdu } from "./reader.ts";
import { isSecurityKey, Security } from "./security.ts";
import { formatText, type Pair, parseText } from "./text.ts";

/** RFC 7143 11.12.3. */
const Stage = { SECURITY: 0, OPERATIONAL: 1, FULL_FEATURE: 3 } as const;
/** 13.12: what an initiator takes in one PDU before anything is agreed. */
const MAX_RESPONSE_TEXT_BYTES = 8192;
/** 4.2.7.1. */
const MAX_NAME_BYTES = 223;

export interface LoginChannel {
  receive(): Promise<Pdu>;
  send(header: Buffer, data?: Uint8Array): void;
}

/** @throws LoginRefused after the initiator was told; ProtocolError where it cannot be. */
export async function login(channel: LoginChannel, policy: LoginPolicy): Promise<LoginResult> {
  const conversation = new Conversation(channel, policy);
  try {
    return await conversation.run();
  } catch (error) {
    if (error instanceof LoginRefused) conversation.refuse(error);
    throw error;
  }
}

class Conversation {
  readonly #channel: LoginChannel;
  readonly #policy: LoginPolicy;
  /** The request being answered, and the first one, whose identifiers all others share. */
  #request: Buffer = Buffer.alloc(LoginRequestPdu.sizeBytes);
  #first: Buffer | undefined;
  #stage: number | undefined;
  #statSn = 0;
  #tsih = 0;
  #textBytes = 0;
  #declaredOurs = false;
  #joined: JoinedSession | undefined;

  constructor(channel: LoginChannel, policy: LoginPolicy) {
    this.#channel = channel;
    this.#policy = policy;
  }

  async run(): Promise<LoginResult> {
    const first = await this.#receiveText();
    const introduction = introduce(first, this.#policy);
    const { initiatorName, discovery } = introduction;
    this.#joined = this.#join(introduction);
    const credentials = this.#policy.credentials(initiatorName, discovery ? "discovery" : "normal");
    const security = new Security(credentials, (bytes) => this.#policy.random(bytes));
    const negotiation = new Negotiation(discovery, this.#policy, this.#joined?.parameters);
    // 13.9: the tag stands in the first response that carries text to a normal session.
    let replies: Pair[] = discovery ? [] : [["TargetPortalGroupTag", String(this.#policy.portalGroupTag)]];
    for (let pairs = first; ; pairs = await this.#receiveText()) {
      replies.push(...this.#answers(pairs, introduction, security, negotiation));
      const next = this.#transit(security, negotiation, replies);
      if (next === Stage.FULL_FEATURE) this.#confirm(introduction);
      await this.#reply(replies, next);
      if (next === Stage.FULL_FEATURE) return this.#result(introduction, negotiation);
      replies = [];
    }
  }

  refuse({ status, redirection }: LoginRefused): void {
    const header = this.#responseHeader();
    LoginResponsePdu.status.set(header, 0, status);
    const host = redirection?.host.includes(":") ? `[${redirection.host}]` : redirection?.host;
    this.#channel.send(header, redirection && formatText([["TargetAddress", `${host}:${redirection.port}`]]));
  }

  /** One text of the initiator, which the C bit may spread over several requests. */
  async #receiveText(): Promise<Pair[]> {
    const pieces: Buffer[] = [];
    for (;;) {
      const { header, data, dataBytes } = await this.#channel.receive();
      this.#check(header);
      pieces.push(...data);
      this.#textBytes += dataBytes;
      if (this.#textBytes > this.#policy.textBytes)
        throw new LoginRefused(LoginStatus.OUT_OF_RESOURCES, "the login text is too long");
      if (LoginRequestPdu.continue.get(header, 0) === 0) return parseText(Buffer.concat(pieces));
      this.#channel.send(this.#responseHeader());
    }
  }

  /** What every login request must fulfil, whatever its text says (11.12). */
  #check(header: Buffer): void {
    if (LoginRequestPdu.opcode.get(header, 0) !== Opcode.LOGIN_REQUEST)
      throw new LoginRefused(LoginStatus.INVALID_DURING_LOGIN, "something else than a login request came during login");
    this.#request = header;
    if (this.#first === undefined) {
      this.#first = header;
      this.#statSn = LoginRequestPdu.expStatSn.get(header, 0);
      this.#stage = LoginRequestPdu.currentStage.get(header, 0);
    }
    if (LoginRequestPdu.versionMin.get(header, 0) > 0)
      throw new LoginRefused(LoginStatus.UNSUPPORTED_VERSION, "no common version");
    const stage = LoginRequestPdu.currentStage.get(header, 0);
    if (stage !== this.#stage || stage > Stage.OPERATIONAL)
      throw new LoginRefused(LoginStatus.INITIATOR_ERROR, `stage ${stage} is not where this login is`);
    for (const field of [LoginRequestPdu.isid, LoginRequestPdu.tsih, LoginRequestPdu.cid]) {
      if (field.get(header, 0) !== field.get(this.#first, 0))
        throw new LoginRefused(LoginStatus.INITIATOR_ERROR, "ISID, TSIH or CID changed during the login");
    }
    if (LoginRequestPdu.continue.get(header, 0) === 1 && LoginRequestPdu.transit.get(header, 0) === 1)
      throw new LoginRefused(LoginStatus.INITIATOR_ERROR, "T and C exclude each other");
  }

  /** A TSIH names a session to which this connection is to be added (11.12.6). */
  #join({ initiatorName, discovery }: Introduction): JoinedSession | undefined {
    const tsih = LoginRequestPdu.tsih.get(this.#request, 0);
    if (tsih === 0) return undefined;
    if (discovery) throw new LoginRefused(LoginStatus.INITIATOR_ERROR, "a discovery session has one connection");
    const isid = LoginRequestPdu.isid.get(this.#request, 0);
    const cid = LoginRequestPdu.cid.get(this.#request, 0);
    return this.#policy.join({ initiatorName, isid, tsih, cid });
  }

  #answers(pairs: readonly Pair[], { declared }: Introduction, security: Security, negotiation: Negotiation): Pair[] {
    const secure = pairs.filter(([key]) => isSecurityKey(key));
    if (secure.length > 0 && this.#stage !== Stage.SECURITY)
      throw new LoginRefused(LoginStatus.INITIATOR_ERROR, "security keys came outside their stage");
    const changed = pairs.find(([key, value]) => INTRODUCTIONS.has(key) && declared.get(key) !== value);
    if (changed) throw new LoginRefused(LoginStatus.INITIATOR_ERROR, `${changed[0]} was not said at first, or differs`);
    const others = pairs.filter(([key]) => !isSecurityKey(key) && !INTRODUCTIONS.has(key));
    return [...security.answer(secure), ...negotiation.answer(others)];
  }

  /** The stage that follows this request; the present one where the initiator wants to stay, or we have more to say. */
  #transit(security: Security, negotiation: Negotiation, replies: Pair[]): number {
    const stage = this.#stage ?? Stage.SECURITY;
    const next = LoginRequestPdu.nextStage.get(this.#request, 0);
    const wanted = LoginRequestPdu.transit.get(this.#request, 0) === 1;
    if (wanted && (next <= stage || next === 2))
      throw new LoginRefused(LoginStatus.INITIATOR_ERROR, `no transit from stage ${stage} to ${next}`);
    const mayLeave = stage !== Stage.SECURITY || security.passed;
    // An initiator that skips the security stage, or wants out of it without a word, does not mean to prove itself.
    if (!security.passed && (stage !== Stage.SECURITY || (wanted && !security.begun)))
      throw new LoginRefused(LoginStatus.AUTHENTICATION_FAILURE, "it did not authenticate itself");
    const offers = wanted && next === Stage.FULL_FEATURE && mayLeave ? negotiation.offers() : [];
    replies.push(...offers);
    if (!this.#declaredOurs && (stage === Stage.OPERATIONAL || next === Stage.FULL_FEATURE) && mayLeave) {
      this.#declaredOurs = true;
      replies.push(["MaxRecvDataSegmentLength", String(this.#policy.pduBytes)]);
    }
    return wanted && mayLeave && offers.length === 0 ? next : stage;
  }

  /** Who was let in when the login began may not be any more; by now it has proven who it is, so that it may know. */
  #confirm(introduction: Introduction): void {
    const { initiatorName, discovery } = introduction;
    if (!(discovery || this.#policy.authorize(initiatorName)))
      throw new LoginRefused(LoginStatus.AUTHORIZATION_FAILURE, `${initiatorName} is let in no more`);
    // The session may have ended meanwhile, or another connection may have taken the place.
    this.#joined = this.#join(introduction);
    this.#tsih = this.#joined ? LoginRequestPdu.tsih.get(this.#request, 0) : this.#policy.newTsih();
  }

  /** Answers one whole text, in as many responses as it takes (C bit, 11.13.2). */
  async #reply(pairs: readonly Pair[], next: number): Promise<void> {
    let text = formatText(pairs);
    for (; text.length > MAX_RESPONSE_TEXT_BYTES; text = text.subarray(MAX_RESPONSE_TEXT_BYTES)) {
      const header = this.#responseHeader();
      LoginResponsePdu.continue.set(header, 0, 1);
      this.#channel.send(header, text.subarray(0, MAX_RESPONSE_TEXT_BYTES));
      if ((await this.#receiveText()).length > 0)
        throw new LoginRefused(LoginStatus.INITIATOR_ERROR, "text came where our answer was not over");
    }
    const header = this.#responseHeader();
    if (next !== this.#stage) {
      LoginResponsePdu.transit.set(header, 0, 1);
      LoginResponsePdu.nextStage.set(header, 0, next);
    }
    if (next === Stage.FULL_FEATURE) LoginResponsePdu.tsih.set(header, 0, this.#tsih);
    this.#stage = next;
    this.#channel.send(header, text);
  }

  #responseHeader(): Buffer {
    const header = LoginResponsePdu.encode({
      opcode: Opcode.LOGIN_RESPONSE,
      currentStage: LoginRequestPdu.currentStage.get(this.#request, 0),
      isid: LoginRequestPdu.isid.get(this.#request, 0),
      tsih: LoginRequestPdu.tsih.get(this.#request, 0),
      initiatorTaskTag: LoginRequestPdu.initiatorTaskTag.get(this.#request, 0),
      statSn: this.#statSn,
      expCmdSn: this.#joined?.window.expCmdSn ?? LoginRequestPdu.cmdSn.get(this.#request, 0),
      maxCmdSn: this.#joined?.window.maxCmdSn ?? LoginRequestPdu.cmdSn.get(this.#request, 0),
    });
    this.#statSn = (this.#statSn + 1) >>> 0;
    return header;
  }

  #result({ initiatorName, discovery }: Introduction, { parameters }: Negotiation): LoginResult {
    return {
      initiatorName,
      isid: LoginRequestPdu.isid.get(this.#request, 0),
      tsih: this.#tsih,
      cid: LoginRequestPdu.cid.get(this.#request, 0),
      discovery,
      joined: this.#joined !== undefined,
      parameters,
      cmdSn: LoginRequestPdu.cmdSn.get(this.#request, 0),
      statSn: this.#statSn,
    };
  }
}

interface Introduction {
  readonly initiatorName: string;
  readonly discovery: boolean;
  readonly declared: ReadonlyMap<string, string>;
}

/** Keys of the first request that are no negotiation (13.4 to 13.6, 13.21). */
const INTRODUCTIONS: ReadonlySet<string> = new Set(["InitiatorName", "TargetName", "SessionType"]);

/** What the first request must say (6.3.1). A stranger learns no more than that there is nothing here for it. @throws LoginRefused */
function introduce(pairs: readonly Pair[], policy: LoginPolicy): Introduction {
  const declared = new Map(pairs.filter(([key]) => INTRODUCTIONS.has(key)));
  const initiatorName = declared.get("InitiatorName");
  const targetName = declared.get("TargetName");
  const type = declared.get("SessionType") ?? "Normal";
  const discovery = type === "Discovery";
  if (!(initiatorName && (discovery || targetName)))
    throw new LoginRefused(LoginStatus.MISSING_PARAMETER, "InitiatorName or TargetName is missing");
  if (Buffer.byteLength(initiatorName) > MAX_NAME_BYTES)
    throw new LoginRefused(LoginStatus.INITIATOR_ERROR, "InitiatorName is longer than 223 bytes");
  if (!discovery && type !== "Normal")
    throw new LoginRefused(LoginStatus.SESSION_TYPE_NOT_SUPPORTED, "SessionType is neither Normal nor Discovery");
  if (!discovery && (targetName !== policy.targetName || !policy.authorize(initiatorName)))
    throw new LoginRefused(LoginStatus.NOT_FOUND, `there is no such target for ${initiatorName}`);
  if (!policy.isOpen()) throw new LoginRefused(LoginStatus.SERVICE_UNAVAILABLE, "the target is shutting down");
  const redirection = discovery ? undefined : policy.redirect(initiatorName);
  if (redirection === undefined) return { initiatorName, discovery, declared };
  const status = redirection.permanent ? LoginStatus.MOVED_PERMANENTLY : LoginStatus.MOVED_TEMPORARILY;
  throw new LoginRefused(status, `${initiatorName} is sent elsewhere`, redirection);
}
