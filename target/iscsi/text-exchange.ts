/** Text requests in full feature phase (RFC 7143 11.10, 11.11): one exchange at a time, over as many PDUs as either side needs. */
import { NOT_UNDERSTOOD, numberValue, OPERATIONAL_KEYS, REJECT } from "./keys.ts";
import { NO_TAG, Opcode, RejectReason } from "./opcodes.ts";
import { TextRequestPdu, TextResponsePdu } from "./pdus.ts";
import { kept, type Pdu } from "./reader.ts";
import { formatText, type Pair, parseText } from "./text.ts";

/** What an exchange needs of its session. */
export interface TextChannel {
  readonly maxSendDataSegmentLength: number;
  nextTransferTag(): number;
  stamp(header: Buffer, status: boolean): void;
  send(header: Buffer, data?: Uint8Array): void;
  reject(pdu: Pdu, reason: number): void;
}

const NOTHING = Buffer.alloc(0);

export class TextExchange {
  readonly #channel: TextChannel;
  readonly #maxBytes: number;
  readonly #answer: (pairs: readonly Pair[]) => Pair[];
  /** The tag that continues this exchange; undefined between exchanges. */
  #tag: number | undefined;
  #asked: Buffer[] = [];
  #askedBytes = 0;
  /** What is still to be said. */
  #rest: Buffer = NOTHING;

  constructor(channel: TextChannel, maxBytes: number, answer: (pairs: readonly Pair[]) => Pair[]) {
    this.#channel = channel;
    this.#maxBytes = maxBytes;
    this.#answer = answer;
  }

  /** @throws ProtocolError where the text is none. */
  receive(pdu: Pdu): void {
    const tag = TextRequestPdu.targetTransferTag.get(pdu.header, 0);
    // A request without a tag begins anew, whatever was under way (11.10.4).
    if (tag === NO_TAG) this.#reset();
    else if (tag !== this.#tag) return this.#channel.reject(pdu, RejectReason.INVALID_PDU_FIELD);
    this.#asked.push(...kept(pdu).data);
    this.#askedBytes += pdu.dataBytes;
    if (this.#askedBytes > this.#maxBytes || (this.#rest.length > 0 && pdu.dataBytes > 0)) {
      this.#reset();
      return this.#channel.reject(pdu, RejectReason.PROTOCOL_ERROR);
    }
    if (TextRequestPdu.continue.get(pdu.header, 0) === 1) return this.#respond(pdu, NOTHING, false);
    if (this.#rest.length === 0) {
      this.#rest = formatText(this.#answer(parseText(Buffer.concat(this.#asked))));
      this.#asked = [];
    }
    const piece = this.#rest.subarray(0, this.#channel.maxSendDataSegmentLength);
    this.#rest = this.#rest.subarray(piece.length);
    // F answers F: only where the initiator has said all that it wants to say may it be over (11.11.1).
    this.#respond(pdu, piece, this.#rest.length === 0 && TextRequestPdu.final.get(pdu.header, 0) === 1);
  }

  #respond({ header: request }: Pdu, piece: Buffer, final: boolean): void {
    this.#tag = final ? undefined : this.#channel.nextTransferTag();
    const header = TextResponsePdu.encode({
      opcode: Opcode.TEXT_RESPONSE,
      final: final ? 1 : 0,
      continue: this.#rest.length > 0 ? 1 : 0,
      initiatorTaskTag: TextRequestPdu.initiatorTaskTag.get(request, 0),
      targetTransferTag: this.#tag ?? NO_TAG,
    });
    request.copy(header, 8, 8, 16);
    if (final) this.#reset();
    this.#channel.stamp(header, true);
    this.#channel.send(header, piece);
  }

  #reset(): void {
    this.#tag = undefined;
    this.#asked = [];
    this.#askedBytes = 0;
    this.#rest = NOTHING;
  }
}

/** What full feature phase knows of keys: SendTargets, and a new MaxRecvDataSegmentLength (13.12). */
export function answerKeys(
  pairs: readonly Pair[],
  sendTargets: (name: string) => readonly Pair[],
  declareSegmentLength: (bytes: number) => void,
): Pair[] {
  return pairs.flatMap(([key, value]): readonly Pair[] => {
    if (key === "SendTargets") return sendTargets(value);
    if (key !== "MaxRecvDataSegmentLength")
      return [[key, Object.hasOwn(OPERATIONAL_KEYS, key) ? REJECT : NOT_UNDERSTOOD]];
    const bytes = numberValue(value, 512, 0xff_ffff);
    if (bytes === undefined) return [[key, REJECT]];
    declareSegmentLength(bytes);
    return [];
  });
}
