/**
 * Write data on its way in (RFC 7143 4.2.5.2, 11.7, 11.8): immediate in the command's PDU, then
 * unsolicited, then what R2T asks for; always in order (DataPDUInOrder and DataSequenceInOrder).
 */
import { checkCondition } from "../scsi/command.ts";
import { NO_TAG, Opcode } from "./opcodes.ts";
import { DataOutPdu, R2tPdu, ScsiCommandPdu } from "./pdus.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Pdu } from "./reader.ts";
import type { SessionConnection } from "./session-connection.ts";
import type { IscsiTask } from "./task.ts";

/** Begins to gather the data of a task that the device server has accepted. */
export function requestData(channel: SessionConnection, task: IscsiTask, command: Pdu): void {
  const { immediateData, initialR2t } = channel.parameters;
  task.wantedBytes = Math.min(task.expectedOutBytes, task.accepted?.dataOutBytes ?? 0);
  task.unsolicited = ScsiCommandPdu.final.get(command.header, 0) === 0;
  if (command.dataBytes > 0 && !immediateData)
    throw new ProtocolError("immediate-data", "immediate data was not agreed on");
  if (task.unsolicited && initialR2t) throw new ProtocolError("unsolicited-data", "unsolicited data was not agreed on");
  if (task.isWhole) {
    keep(channel, task, command);
    return channel.execute(task);
  }
  channel.tasks.set(task.tag, task);
  // Ended by somebody else's task management while its data is on the way: what still comes is dropped.
  task.onCancel = () => channel.tasks.delete(task.tag);
  keep(channel, task, command);
  proceed(channel, task);
}

/** ABORTED COMMAND, DATA OFFSET ERROR (SPC-4 annex F): the task alone fails where its data is out of order, as RFC 7143 7.8 lets it. */
const DATA_OFFSET_ERROR = checkCondition({ senseKey: 0xb, asc: 0x4b, ascq: 0x05 }, false);

/** One Data-Out. @throws ProtocolError where it is beyond what was agreed. */
export function takeData(channel: SessionConnection, task: IscsiTask, pdu: Pdu): void {
  const { header } = pdu;
  const final = DataOutPdu.final.get(header, 0) === 1;
  const solicited = DataOutPdu.targetTransferTag.get(header, 0) !== NO_TAG;
  if (
    solicited !== !task.unsolicited ||
    (solicited && DataOutPdu.targetTransferTag.get(header, 0) !== task.transferTag)
  ) {
    throw new ProtocolError("transfer-tag", "data came that nobody asked for");
  }
  if (
    DataOutPdu.bufferOffset.get(header, 0) !== task.receivedBytes ||
    DataOutPdu.dataSn.get(header, 0) !== task.dataSn
  ) {
    return channel.fail(task, DATA_OFFSET_ERROR);
  }
  task.dataSn += 1;
  keep(channel, task, pdu);
  if (solicited && task.receivedBytes > task.solicitedUpTo)
    throw new ProtocolError("data-length", "more data came than was asked for");
  if (!final) return;
  if (solicited && task.receivedBytes < task.solicitedUpTo)
    throw new ProtocolError("data-length", "less data came than was asked for");
  task.unsolicited = false;
  proceed(channel, task);
}

function keep(channel: SessionConnection, task: IscsiTask, pdu: Pdu): void {
  if (pdu.dataBytes === 0) return;
  const limit =
    task.unsolicited || task.solicitedUpTo === 0
      ? Math.min(channel.parameters.firstBurstLength, task.expectedOutBytes)
      : task.expectedOutBytes;
  if (task.receivedBytes + pdu.dataBytes > limit)
    throw new ProtocolError("burst-length", "unsolicited data exceeds FirstBurstLength");
  task.receivedBytes += pdu.dataBytes;
  const excess = task.receivedBytes - task.wantedBytes;
  task.keepData(pdu.data);
  // What the initiator has sent beyond what the command takes is not the command's.
  if (excess > 0) task.cutData(task.wantedBytes);
}

function proceed(channel: SessionConnection, task: IscsiTask): void {
  if (task.unsolicited) return;
  if (task.receivedBytes >= task.wantedBytes) {
    task.onCancel = undefined;
    return channel.execute(task);
  }
  const length = Math.min(task.wantedBytes - task.receivedBytes, channel.parameters.maxBurstLength);
  task.transferTag = channel.nextTransferTag();
  task.solicitedUpTo = task.receivedBytes + length;
  task.dataSn = 0;
  const header = R2tPdu.encode({
    opcode: Opcode.R2T,
    final: 1,
    initiatorTaskTag: task.tag,
    targetTransferTag: task.transferTag,
    r2tSn: task.r2tSn,
    bufferOffset: task.receivedBytes,
    desiredDataTransferLength: length,
  });
  task.r2tSn += 1;
  task.header.copy(header, 8, 8, 16);
  channel.stamp(header, false);
  channel.send(header);
}
