/** Operational text negotiation of one login (RFC 7143 6.2 and 6.3): what the initiator offers against the table of keys. */
import {
  defaultParameters,
  IRRELEVANT,
  NOT_UNDERSTOOD,
  numberValue,
  type Offers,
  OPERATIONAL_KEYS,
  REJECT,
  type SessionParameters,
} from "./keys.ts";
import { LoginRefused } from "./login-policy.ts";
import { LoginStatus } from "./opcodes.ts";
import type { Pair } from "./text.ts";

export class Negotiation {
  readonly parameters: SessionParameters;
  readonly #discovery: boolean;
  readonly #ours: Offers;
  readonly #isLeading: boolean;
  readonly #answered = new Set<string>();
  /** FirstBurstLength that we have offered, and that waits for its answer. */
  #offeredFirstBurst: number | undefined;

  /** `agreed`: what the session that is joined goes by already. */
  constructor(discovery: boolean, ours: Offers, agreed?: SessionParameters) {
    const { headerDigest, dataDigest, maxSendDataSegmentLength } = defaultParameters();
    this.parameters = agreed ? { ...agreed, headerDigest, dataDigest, maxSendDataSegmentLength } : defaultParameters();
    this.#isLeading = agreed === undefined;
    this.#ours = ours;
    this.#discovery = discovery;
  }

  /** Answers one text. @throws LoginRefused where a key comes twice (6.2) or an answer to us is not one. */
  answer(pairs: readonly Pair[]): Pair[] {
    // FirstBurstLength is bounded by MaxBurstLength, wherever in the text that stands.
    const inOrder = [...pairs].sort(([a], [b]) => Number(b === "MaxBurstLength") - Number(a === "MaxBurstLength"));
    return inOrder.flatMap(([key, value]) => this.#answerOne(key, value));
  }

  /** What we must offer ourselves before full feature phase: nothing is left to offer where this is empty. */
  offers(): Pair[] {
    const { firstBurstLength, maxBurstLength, initialR2t, immediateData } = this.parameters;
    // 13.14: FirstBurstLength is irrelevant where no unsolicited data may come.
    if (firstBurstLength <= maxBurstLength || (initialR2t && !immediateData) || this.#discovery) return [];
    if (this.#answered.has("FirstBurstLength"))
      throw new LoginRefused(LoginStatus.INITIATOR_ERROR, "FirstBurstLength exceeds MaxBurstLength");
    this.#offeredFirstBurst = maxBurstLength;
    return [["FirstBurstLength", String(maxBurstLength)]];
  }

  #answerOne(key: string, value: string): Pair[] {
    if (this.#answered.has(key) && key !== "MaxRecvDataSegmentLength")
      throw new LoginRefused(LoginStatus.INITIATOR_ERROR, `${key} was negotiated twice`);
    this.#answered.add(key);
    if (key === "FirstBurstLength" && this.#offeredFirstBurst !== undefined) return this.#takeFirstBurst(value);
    const rule = Object.hasOwn(OPERATIONAL_KEYS, key) ? OPERATIONAL_KEYS[key] : undefined;
    if (rule === undefined) return value === NOT_UNDERSTOOD ? [] : [[key, NOT_UNDERSTOOD]];
    if (rule.normalOnly && this.#discovery) return [[key, IRRELEVANT]];
    // All keys that only normal sessions know are the leading connection's, too.
    if (!this.#isLeading && (rule.leadingOnly || rule.normalOnly)) return [[key, REJECT]];
    const reply = rule.reply?.(value, this.parameters, this.#ours);
    // We declare this one as well, so that a Reject of theirs could not be told from ours.
    if (reply === REJECT && key === "MaxRecvDataSegmentLength")
      throw new LoginRefused(LoginStatus.INITIATOR_ERROR, `${key} is not between 512 and 16777215`);
    if (reply !== REJECT) rule.set?.(this.parameters, reply ?? value);
    return reply === undefined ? [] : [[key, reply]];
  }

  #takeFirstBurst(value: string): Pair[] {
    const agreed = numberValue(value, 512, this.#offeredFirstBurst ?? 0);
    if (agreed === undefined)
      throw new LoginRefused(LoginStatus.INITIATOR_ERROR, "FirstBurstLength exceeds MaxBurstLength");
    this.#offeredFirstBurst = undefined;
    this.parameters.firstBurstLength = agreed;
    return [];
  }
}
