/**
 * The login phase (RFC 7143 6.3), as one conversation from the first request to full feature phase.
 */

import {
  defaultParameters,
  IRRELEVANT,
  MAX_RECEIVE_BYTES,
  NOT_UNDERSTOOD,
  OPERATIONAL_KEYS,
  type SessionParameters,
} from "./keys.ts";
import { LoginStatus, Opcode } from "./opcodes.ts";
import { LoginRequestPdu, LoginResponsePdu } from "./pdus.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Pdu } from "./reader.ts";
import { formatText, type Pair, parseText } from "./text.ts";

/** RFC 7143 11.12.3. */
const Stage = { SECURITY: 0, OPERATIONAL: 1, FULL_FEATURE: 3 } as const;
const MAX_TEXT_BYTES = 64 * 1024;

/** Whom and what an initiator may log in to, as its target decides it. */
export interface LoginPolicy {
  readonly targetName: string;
  readonly portalGroupTag: number;
  authorize(initiatorName: string): boolean;
  /** TSIH ≠ 0 names a session to add a connection to: none takes more than one here. */
  sessionExists(tsih: number): boolean;
  newTsih(): number;
}

export interface LoginResult {
  readonly initiatorName: string;
  /** 48 bits. */
  readonly isid: number;
  readonly tsih: number;
  readonly cid: number;
  readonly discovery: boolean;
  readonly parameters: SessionParameters;
  /** CmdSN that the first command will carry, and the StatSN of our next response. */
  readonly cmdSn: number;
  readonly statSn: number;
}

export interface LoginChannel {
  receive(): Promise<Pdu>;
  send(header: Buffer, data?: Uint8Array): void;
}

/** A login that was answered with a failure; the connection ends. */
export class LoginRefused extends Error {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

/** @throws LoginRefused after the initiator was told; ProtocolError where it cannot be. */
export async function login(channel: LoginChannel, policy: LoginPolicy): Promise<LoginResult> {
  const conversation = new Conversation(channel, policy);
  try {
    return await conversation.run();
  } catch (error) {
    if (error instanceof LoginRefused) conversation.refuse(error.status);
    throw error;
  }
}

class Conversation {
  readonly #channel: LoginChannel;
  readonly #policy: LoginPolicy;
  readonly #parameters = defaultParameters();
  readonly #declared = new Map<string, string>();
  readonly #answered = new Set<string>();
  #request: Buffer = Buffer.alloc(48);
  #statSn = 0;
  #tsih = 0;
  #introduced = false;
  #declaredOurs = false;

  constructor(channel: LoginChannel, policy: LoginPolicy) {
    this.#channel = channel;
    this.#policy = policy;
  }

  async run(): Promise<LoginResult> {
    for (;;) {
      const pairs = await this.#receiveText();
      if (!this.#introduced) this.#introduce(pairs);
      const replies = pairs.flatMap((pair) => this.#answer(pair));
      if (this.#declaredOurs === false && this.#stage() === Stage.OPERATIONAL) {
        this.#declaredOurs = true;
        replies.push(["MaxRecvDataSegmentLength", String(MAX_RECEIVE_BYTES)]);
      }
      if (!this.#introduced) {
        this.#introduced = true;
        if (!this.#discovery()) replies.unshift(["TargetPortalGroupTag", String(this.#policy.portalGroupTag)]);
      }
      if (this.#reply(replies)) return this.#result();
    }
  }

  refuse(status: number): void {
    const header = this.#responseHeader();
    LoginResponsePdu.status.set(header, 0, status);
    this.#channel.send(header);
  }

  /** One text of the initiator, which the C bit may spread over several requests. */
  async #receiveText(): Promise<Pair[]> {
    const pieces: Buffer[] = [];
    for (let bytes = 0; ; ) {
      const { header, data, dataBytes } = await this.#channel.receive();
      if (LoginRequestPdu.opcode.get(header, 0) !== Opcode.LOGIN_REQUEST) {
        throw new LoginRefused(
          LoginStatus.INVALID_DURING_LOGIN,
          "something else than a login request came during login",
        );
      }
      const first = this.#request[0] === 0;
      this.#request = header;
      if (first) this.#statSn = LoginRequestPdu.expStatSn.get(header, 0);
      if (LoginRequestPdu.versionMin.get(header, 0) > 0)
        throw new LoginRefused(LoginStatus.UNSUPPORTED_VERSION, "no common version");
      pieces.push(...data);
      bytes += dataBytes;
      if (bytes > MAX_TEXT_BYTES) throw new ProtocolError("text-too-long", "login text is too long");
      if (LoginRequestPdu.continue.get(header, 0) === 0) return parseText(Buffer.concat(pieces));
      this.#channel.send(this.#responseHeader());
    }
  }

  /** What the first request must say (RFC 7143 6.3.1, 13.4 to 13.6, 13.21). */
  #introduce(pairs: readonly Pair[]): void {
    for (const [key, value] of pairs) this.#declared.set(key, value);
    const initiator = this.#declared.get("InitiatorName");
    const tsih = LoginRequestPdu.tsih.get(this.#request, 0);
    const target = this.#declared.get("TargetName");
    const type = this.#declared.get("SessionType") ?? "Normal";
    if (!initiator || (type === "Normal" && target === undefined)) {
      throw new LoginRefused(LoginStatus.MISSING_PARAMETER, "InitiatorName or TargetName is missing");
    }
    if (type !== "Normal" && type !== "Discovery")
      throw new LoginRefused(LoginStatus.SESSION_TYPE_NOT_SUPPORTED, `SessionType=${type}`);
    if (type === "Normal" && target !== this.#policy.targetName)
      throw new LoginRefused(LoginStatus.NOT_FOUND, `no target ${target}`);
    // A stranger learns no more than that there is nothing here for it.
    if (type === "Normal" && !this.#policy.authorize(initiator))
      throw new LoginRefused(LoginStatus.NOT_FOUND, `${initiator} is not let in`);
    if (tsih !== 0) {
      const known = this.#policy.sessionExists(tsih);
      throw new LoginRefused(
        known ? LoginStatus.TOO_MANY_CONNECTIONS : LoginStatus.SESSION_DOES_NOT_EXIST,
        `TSIH ${tsih}`,
      );
    }
  }

  #answer([key, value]: Pair): Pair[] {
    if (INTRODUCTIONS.has(key)) return [];
    if (this.#answered.has(key) && key !== "MaxRecvDataSegmentLength") {
      throw new LoginRefused(LoginStatus.INITIATOR_ERROR, `${key} was negotiated twice`);
    }
    this.#answered.add(key);
    if (key === "AuthMethod") return [this.#authMethod(value)];
    const rule = Object.hasOwn(OPERATIONAL_KEYS, key) ? OPERATIONAL_KEYS[key] : undefined;
    if (rule === undefined) return [[key, NOT_UNDERSTOOD]];
    if (rule.normalOnly && this.#discovery()) return [[key, IRRELEVANT]];
    const reply = rule.reply?.(value);
    if (reply !== "Reject") rule.set?.(this.#parameters, reply ?? value);
    return reply === undefined ? [] : [[key, reply]];
  }

  #authMethod(offer: string): Pair {
    if (!offer.split(",").includes("None"))
      throw new LoginRefused(LoginStatus.AUTHENTICATION_FAILURE, `AuthMethod=${offer}`);
    return ["AuthMethod", "None"];
  }

  /** Answers one whole request; true where that ends the login. */
  #reply(pairs: readonly Pair[]): boolean {
    const header = this.#responseHeader();
    const transit = LoginRequestPdu.transit.get(this.#request, 0) === 1;
    const next = LoginRequestPdu.nextStage.get(this.#request, 0);
    const stage = this.#stage();
    if (transit && (next <= stage || next === 2))
      throw new LoginRefused(LoginStatus.INITIATOR_ERROR, `no transit from stage ${stage} to ${next}`);
    if (transit) {
      LoginResponsePdu.transit.set(header, 0, 1);
      LoginResponsePdu.nextStage.set(header, 0, next);
      if (next === Stage.FULL_FEATURE) {
        this.#tsih = this.#policy.newTsih();
        LoginResponsePdu.tsih.set(header, 0, this.#tsih);
      }
    }
    this.#channel.send(header, formatText(pairs));
    return transit && next === Stage.FULL_FEATURE;
  }

  #responseHeader(): Buffer {
    const header = LoginResponsePdu.encode({
      opcode: Opcode.LOGIN_RESPONSE,
      currentStage: this.#stage(),
      isid: LoginRequestPdu.isid.get(this.#request, 0),
      tsih: LoginRequestPdu.tsih.get(this.#request, 0),
      initiatorTaskTag: LoginRequestPdu.initiatorTaskTag.get(this.#request, 0),
      statSn: this.#statSn,
      expCmdSn: LoginRequestPdu.cmdSn.get(this.#request, 0),
      maxCmdSn: LoginRequestPdu.cmdSn.get(this.#request, 0),
    });
    this.#statSn = (this.#statSn + 1) >>> 0;
    return header;
  }

  #result(): LoginResult {
    return {
      initiatorName: this.#declared.get("InitiatorName") as string,
      isid: LoginRequestPdu.isid.get(this.#request, 0),
      tsih: this.#tsih,
      cid: LoginRequestPdu.cid.get(this.#request, 0),
      discovery: this.#discovery(),
      parameters: this.#parameters,
      cmdSn: LoginRequestPdu.cmdSn.get(this.#request, 0),
      statSn: this.#statSn,
    };
  }

  #stage(): number {
    return LoginRequestPdu.currentStage.get(this.#request, 0);
  }

  #discovery(): boolean {
    return this.#declared.get("SessionType") === "Discovery";
  }
}

/** Keys of the first request that are no negotiation. */
const INTRODUCTIONS = new Set(["InitiatorName", "InitiatorAlias", "TargetName", "SessionType"]);
