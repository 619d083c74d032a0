/** How a SCSI result leaves as PDUs: Data-In with the status in the last, or a SCSI Response (RFC 7143 11.4, 11.7). */
import { type ScsiResult, Status } from "../scsi/transport.ts";
import { NO_TAG, Opcode } from "./opcodes.ts";
import { DataInPdu, ScsiResponsePdu } from "./pdus.ts";
import type { Room } from "./send-slab.ts";
import type { IscsiTask } from "./task.ts";

/** SENSE LENGTH, before the sense data (11.4.7). */
const SENSE_LENGTH_BYTES = 2;

/** What responses need of their session. */
export interface ResponseChannel {
  readonly maxSendDataSegmentLength: number;
  readonly maxBurstLength: number;
  /** Puts ExpCmdSN and MaxCmdSN into the header at `at`, and StatSN where it carries status. */
  stamp(header: Buffer, status: boolean, at?: number): void;
  send(header: Buffer, data?: Uint8Array): void;
  room(dataBytes: number): Room;
  sendRoom(room: Room): void;
  giveBack(room: Room): void;
}

export function respond(channel: ResponseChannel, task: IscsiTask, result: ScsiResult): void {
  const { dataIn } = result;
  const { room } = task;
  if (room !== undefined) task.room = undefined;
  if (dataIn === undefined || task.expectedInBytes === 0 || dataIn.length === 0) {
    sendResponse(channel, task, result);
  } else if (room !== undefined && fits(channel, room, task, result)) {
    return sendInRoom(channel, room, task, result);
  } else {
    sendData(channel, task, result, dataIn);
  }
  if (room !== undefined) channel.giveBack(room);
}

/** Whether all of the data leaves as one PDU from where it was read to: nearly every READ. */
function fits(channel: ResponseChannel, room: Room, task: IscsiTask, result: ScsiResult): boolean {
  const bytes = result.dataIn?.length ?? 0;
  const limit = Math.min(task.expectedInBytes, channel.maxSendDataSegmentLength, channel.maxBurstLength);
  return bytes === room.dataBytes && bytes <= limit && isCollapsed(result);
}

function sendInRoom(channel: ResponseChannel, room: Room, task: IscsiTask, result: ScsiResult): void {
  const { at } = room;
  const { bytes } = room.slab;
  DataInPdu.opcode.set(bytes, at, Opcode.DATA_IN);
  DataInPdu.final.set(bytes, at, 1);
  DataInPdu.hasStatus.set(bytes, at, 1);
  DataInPdu.status.set(bytes, at, result.status);
  DataInPdu.initiatorTaskTag.set(bytes, at, task.tag);
  DataInPdu.targetTransferTag.set(bytes, at, NO_TAG);
  setResidual(bytes, at, task, result);
  channel.stamp(bytes, true, at);
  channel.sendRoom(room);
}

function sendData(channel: ResponseChannel, task: IscsiTask, result: ScsiResult, dataIn: Uint8Array): void {
  const bytes = Math.min(dataIn.length, task.expectedInBytes);
  const collapsed = isCollapsed(result);
  let sn = 0;
  let burst = 0;
  for (let at = 0; at < bytes; sn += 1) {
    const length = Math.min(bytes - at, channel.maxSendDataSegmentLength, channel.maxBurstLength - burst);
    const last = at + length === bytes;
    burst += length;
    const header = DataInPdu.encode({
      opcode: Opcode.DATA_IN,
      targetTransferTag: NO_TAG,
      initiatorTaskTag: task.tag,
      dataSn: sn,
      bufferOffset: at,
    });
    if (last || burst >= channel.maxBurstLength) {
      DataInPdu.final.set(header, 0, 1);
      burst = 0;
    }
    if (last && collapsed) {
      DataInPdu.hasStatus.set(header, 0, 1);
      DataInPdu.status.set(header, 0, result.status);
      setResidual(header, 0, task, result);
    }
    channel.stamp(header, last && collapsed);
    channel.send(header, length === dataIn.length ? dataIn : dataIn.subarray(at, at + length));
    at += length;
  }
  if (!collapsed) sendResponse(channel, task, result);
}

/** Status may travel with data only where there is no sense to go with it (11.4.4, 11.7.1). */
function isCollapsed(result: ScsiResult): boolean {
  return result.status === Status.GOOD && result.sense === undefined;
}

function sendResponse(channel: ResponseChannel, task: IscsiTask, result: ScsiResult): void {
  const { sense } = result;
  const senseBytes = sense === undefined ? 0 : SENSE_LENGTH_BYTES + sense.length;
  const room = channel.room(senseBytes);
  const { at } = room;
  const { bytes } = room.slab;
  ScsiResponsePdu.opcode.set(bytes, at, Opcode.SCSI_RESPONSE);
  ScsiResponsePdu.final.set(bytes, at, 1);
  ScsiResponsePdu.initiatorTaskTag.set(bytes, at, task.tag);
  ScsiResponsePdu.status.set(bytes, at, result.status);
  setResidual(bytes, at, task, result);
  channel.stamp(bytes, true, at);
  if (sense !== undefined) {
    bytes.writeUInt16BE(sense.length, room.dataAt);
    bytes.set(sense, room.dataAt + SENSE_LENGTH_BYTES);
  }
  channel.sendRoom(room);
}

/** 11.4.5: what the command would have moved against what the initiator expected. */
function setResidual(header: Buffer, at: number, task: IscsiTask, result: ScsiResult): void {
  const expected = task.expectedInBytes || task.expectedOutBytes;
  const moved =
    task.expectedInBytes > 0 ? (result.dataInBytes ?? result.dataIn?.length ?? 0) : (result.dataOutBytes ?? 0);
  const actual = Math.max(moved, expected === 0 ? (result.dataInBytes ?? result.dataOutBytes ?? 0) : 0);
  if (actual === expected) return;
  if (actual > expected) ScsiResponsePdu.overflow.set(header, at, 1);
  else ScsiResponsePdu.underflow.set(header, at, 1);
  ScsiResponsePdu.residualCount.set(header, at, Math.abs(actual - expected));
}
