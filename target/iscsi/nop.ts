/** Pings, theirs and ours (RFC 7143 11.18, 11.19). */
import { NO_TAG, Opcode } from "./opcodes.ts";
import { NopInPdu, NopOutPdu } from "./pdus.ts";
import type { Pdu } from "./reader.ts";
import type { SessionConnection } from "./session-connection.ts";

/** Answers a ping with what came in it, as much as fits a PDU of the initiator's. */
export function answerPing(channel: SessionConnection, pdu: Pdu): void {
  const tag = NopOutPdu.initiatorTaskTag.get(pdu.header, 0);
  // An answer to our own ping.
  if (tag === NO_TAG) return;
  channel.pingsUs = true;
  const header = NopInPdu.encode({
    opcode: Opcode.NOP_IN,
    final: 1,
    initiatorTaskTag: tag,
    targetTransferTag: NO_TAG,
  });
  pdu.header.copy(header, 8, 8, 16);
  channel.stamp(header, true);
  channel.send(header, Buffer.concat(pdu.data).subarray(0, channel.maxSendDataSegmentLength));
}

/** A NOP-In that wants an answer; its StatSN is not used up. */
export function ping(channel: SessionConnection): void {
  const header = NopInPdu.encode({
    opcode: Opcode.NOP_IN,
    final: 1,
    initiatorTaskTag: NO_TAG,
    targetTransferTag: channel.nextTransferTag(),
  });
  channel.stamp(header, false);
  channel.send(header);
}
