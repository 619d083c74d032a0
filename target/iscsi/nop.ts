/** Pings, theirs and ours (RFC 7143 11.18, 11.19). */
import { NO_TAG, Opcode } from "./opcodes.ts";
import { NopInPdu, NopOutPdu } from "./pdus.ts";
import type { Pdu } from "./reader.ts";
import type { Session } from "./session.ts";

/** Answers a ping with what came in it, as much as fits a PDU of the initiator's. */
export function answerPing(session: Session, pdu: Pdu): void {
  const tag = NopOutPdu.initiatorTaskTag.get(pdu.header, 0);
  // An answer to our own ping.
  if (tag === NO_TAG) return;
  session.pingsUs = true;
  const header = NopInPdu.encode({
    opcode: Opcode.NOP_IN,
    final: 1,
    initiatorTaskTag: tag,
    targetTransferTag: NO_TAG,
  });
  pdu.header.copy(header, 8, 8, 16);
  session.stamp(header, true);
  session.send(header, Buffer.concat(pdu.data).subarray(0, session.maxSendDataSegmentLength));
}

/** A NOP-In that wants an answer; its StatSN is not used up. */
export function ping(session: Session): void {
  const header = NopInPdu.encode({
    opcode: Opcode.NOP_IN,
    final: 1,
    initiatorTaskTag: NO_TAG,
    targetTransferTag: session.nextTransferTag(),
  });
  session.stamp(header, false);
  session.send(header);
}
