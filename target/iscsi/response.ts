/** How a SCSI result leaves as PDUs: Data-In with the status in the last, or a SCSI Response (RFC 7143 11.4, 11.7). */
import { type ScsiResult, Status } from "../scsi/transport.ts";
import { NO_TAG, Opcode } from "./opcodes.ts";
import { DataInPdu, ScsiResponsePdu } from "./pdus.ts";
import type { IscsiTask } from "./task.ts";

/** What responses need of their session. */
export interface ResponseChannel {
  readonly maxSendDataSegmentLength: number;
  readonly maxBurstLength: number;
  /** Puts ExpCmdSN and MaxCmdSN into a header, and StatSN where it carries status. */
  stamp(header: Buffer, status: boolean): void;
  send(header: Buffer, data?: Uint8Array): void;
}

export function respond(channel: ResponseChannel, task: IscsiTask, result: ScsiResult): void {
  const { dataIn } = result;
  if (dataIn === undefined || task.expectedInBytes === 0 || dataIn.length === 0)
    return sendResponse(channel, task, result);
  const bytes = Math.min(dataIn.length, task.expectedInBytes);
  // Status may travel with data only where there is no sense to go with it (11.4.4, 11.7.1).
  const collapsed = result.status === Status.GOOD && result.sense === undefined;
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
      setResidual(header, task, result);
    }
    channel.stamp(header, last && collapsed);
    channel.send(header, length === dataIn.length ? dataIn : dataIn.subarray(at, at + length));
    at += length;
  }
  if (!collapsed) sendResponse(channel, task, result);
}

function sendResponse(channel: ResponseChannel, task: IscsiTask, result: ScsiResult): void {
  const header = ScsiResponsePdu.encode({
    opcode: Opcode.SCSI_RESPONSE,
    final: 1,
    initiatorTaskTag: task.tag,
    status: result.status,
  });
  setResidual(header, task, result);
  channel.stamp(header, true);
  if (result.sense === undefined) return channel.send(header);
  const data = Buffer.alloc(2 + result.sense.length);
  data.writeUInt16BE(result.sense.length, 0);
  data.set(result.sense, 2);
  channel.send(header, data);
}

/** 11.4.5: what the command would have moved against what the initiator expected. */
function setResidual(header: Buffer, task: IscsiTask, result: ScsiResult): void {
  const expected = task.expectedInBytes || task.expectedOutBytes;
  const moved =
    task.expectedInBytes > 0 ? (result.dataInBytes ?? result.dataIn?.length ?? 0) : (result.dataOutBytes ?? 0);
  const actual = Math.max(moved, expected === 0 ? (result.dataInBytes ?? result.dataOutBytes ?? 0) : 0);
  if (actual === expected) return;
  if (actual > expected) ScsiResponsePdu.overflow.set(header, 0, 1);
  else ScsiResponsePdu.underflow.set(header, 0, 1);
  ScsiResponsePdu.residualCount.set(header, 0, Math.abs(actual - expected));
}
