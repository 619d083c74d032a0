/** READ BUFFER and WRITE BUFFER (SPC-4 6.24, 6.49): a buffer of the unit, and one of each nexus for echoes. */
import { ReadBuffer, WriteBuffer } from "../cdb.ts";
import { type Command, GOOD, goodWith } from "../command.ts";
import { Condition } from "../condition.ts";
import { BUFFER_BYTES, ECHO_BUFFER_BYTES } from "../limits.ts";
import { BufferDescriptor, EchoDescriptor } from "../parameter-data.ts";
import type { ScsiResult } from "../transport.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";

/** MODE (SPC-4 tables 238 and 288): those that concern data and not microcode. */
const Mode = { DATA: 0x02, DESCRIPTOR: 0x03, ECHO: 0x0a, ECHO_DESCRIPTOR: 0x0b } as const;
/** OFFSET BOUNDARY: offsets may be any number of bytes. */
const NO_BOUNDARY = 0;

export const bufferCommands: readonly CommandDefinition[] = [
  { cdb: ReadBuffer, access: "none", conflicts: "exclusive-access", execute: readBuffer },
  { cdb: WriteBuffer, access: "none", conflicts: "any", admit: admitWrite, execute: writeBuffer },
];

function readBuffer(command: Command): ScsiResult {
  const { cdb, unit, itl } = command;
  const allocation = ReadBuffer.allocationBytes.get(cdb, 0);
  // The only buffer is number 0.
  if (ReadBuffer.bufferId.get(cdb, 0) !== 0) return command.invalidField(ReadBuffer.bufferId);
  const offset = ReadBuffer.offset.get(cdb, 0);
  switch (ReadBuffer.mode.get(cdb, 0)) {
    case Mode.DATA:
      if (offset > BUFFER_BYTES) return command.invalidField(ReadBuffer.offset);
      return goodWith((unit.buffer ?? Buffer.alloc(BUFFER_BYTES)).subarray(offset), allocation);
    case Mode.DESCRIPTOR:
      return goodWith(BufferDescriptor.encode({ offsetBoundary: NO_BOUNDARY, capacity: BUFFER_BYTES }), allocation);
    case Mode.ECHO:
      return itl.echo ? goodWith(itl.echo, allocation) : command.fail(Condition.COMMAND_SEQUENCE_ERROR);
    case Mode.ECHO_DESCRIPTOR:
      // EBOS: what one nexus echoes, no other overwrites.
      return goodWith(EchoDescriptor.encode({ overwritesSupported: 1, capacity: ECHO_BUFFER_BYTES }), allocation);
    default:
      return command.invalidField(ReadBuffer.mode);
  }
}

function admitWrite(command: Command): ScsiResult | undefined {
  const { cdb } = command;
  const { mode, bufferId, offset, listBytes } = WriteBuffer;
  const bytes = listBytes.get(cdb, 0);
  const isEcho = mode.get(cdb, 0) === Mode.ECHO;
  if (!isEcho && mode.get(cdb, 0) !== Mode.DATA) return command.invalidField(mode);
  if (bufferId.get(cdb, 0) !== 0) return command.invalidField(bufferId);
  const room = isEcho ? ECHO_BUFFER_BYTES : BUFFER_BYTES - offset.get(cdb, 0);
  if (room < 0) return command.invalidField(offset);
  if (bytes > room) return command.invalidField(listBytes);
  command.dataOutBytes = bytes;
  return undefined;
}

function writeBuffer(command: Command, dataOut: readonly Uint8Array[]): ScsiResult {
  const { cdb, unit, itl } = command;
  if (command.dataOutBytes === 0) return GOOD;
  const data = gather(dataOut, command.dataOutBytes);
  if (data.length < command.dataOutBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  if (WriteBuffer.mode.get(cdb, 0) === Mode.ECHO) itl.echo = Buffer.from(data);
  else {
    unit.buffer ??= Buffer.alloc(BUFFER_BYTES);
    unit.buffer.set(data, WriteBuffer.offset.get(cdb, 0));
  }
  return command.taken();
}
