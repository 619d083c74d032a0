/**
 * Asynchronous messages (RFC 7143 11.9): what a target says unasked. They are for initiators that
 * have pinged us: one that knows NOP-Out knows these as well, while iPXE gives up on either.
 */
import { Attention } from "../scsi/attention.ts";
import { senseData } from "../scsi/sense.ts";
import { NO_TAG, Opcode } from "./opcodes.ts";
import { AsyncMessagePdu } from "./pdus.ts";

/** 11.9.1. */
export const AsyncEvent = {
  SCSI: 0,
  LOGOUT_REQUESTED: 1,
  CONNECTION_DROPPED: 2,
  SESSION_DROPPED: 3,
} as const;

/** What a message needs of its connection. */
export interface AsyncChannel {
  stamp(header: Buffer, status: boolean): void;
  send(header: Buffer, data?: Uint8Array): void;
}

/** Asks for a logout on this connection before so many seconds are over. */
export function requestLogout(channel: AsyncChannel, seconds: number): void {
  sendMessage(channel, { asyncEvent: AsyncEvent.LOGOUT_REQUESTED, parameter3: seconds });
}

/** Says that this connection ends now; it may log in again at once, and nothing is kept for it (Time2Wait and Time2Retain are 0). */
export function announceDrop(channel: AsyncChannel, cid: number): void {
  sendMessage(channel, { asyncEvent: AsyncEvent.CONNECTION_DROPPED, parameter1: cid });
}

/** REPORTED LUNS DATA HAS CHANGED, which the next command is told by unit attention as well: Linux looks for new disks at once. */
export function announceLunsChanged(channel: AsyncChannel): void {
  const sense = senseData(Attention.REPORTED_LUNS_DATA_HAS_CHANGED, false);
  const data = Buffer.alloc(2 + sense.length);
  data.writeUInt16BE(sense.length, 0);
  data.set(sense, 2);
  sendMessage(channel, { asyncEvent: AsyncEvent.SCSI }, data);
}

function sendMessage(channel: AsyncChannel, fields: Readonly<Record<string, number>>, data?: Uint8Array): void {
  const header = AsyncMessagePdu.encode({
    opcode: Opcode.ASYNC_MESSAGE,
    final: 1,
    initiatorTaskTag: NO_TAG,
    ...fields,
  });
  channel.stamp(header, true);
  channel.send(header, data);
}
