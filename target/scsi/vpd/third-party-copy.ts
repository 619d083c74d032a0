/** VPD page 8Fh, Third-party Copy (SPC-4 7.8.17), without its header of four bytes. */
import { CopyStatusLid1, CopyStatusLid4, ExtendedCopy, ExtendedCopyLid4, OperatingParametersLid1 } from "../cdb.ts";
import { CopyParameterData, GeneralCopyData, ThirdPartyHeader } from "../copy/layouts.ts";
import * as limits from "../copy/limits.ts";

const COMMANDS = [ExtendedCopy, ExtendedCopyLid4, CopyStatusLid1, OperatingParametersLid1, CopyStatusLid4] as const;

/** SPC-4 table 655. */
const Type = {
  SUPPORTED_COMMANDS: 0x0001,
  PARAMETER_DATA: 0x0004,
  SUPPORTED_DESCRIPTORS: 0x0008,
  GENERAL_COPY: 0x8001,
} as const;

export function thirdPartyCopy(): Uint8Array {
  const general = GeneralCopyData.encode({
    totalConcurrentCopies: limits.MAX_CONCURRENT_COPIES,
    maxIdentifiedCopies: limits.MAX_CONCURRENT_COPIES,
    maxSegmentBytes: limits.MAX_SEGMENT_BYTES,
    dataGranularity: limits.DATA_GRANULARITY,
  });
  return Buffer.concat([
    descriptor(Type.SUPPORTED_COMMANDS, listOf(supportedCommands())),
    descriptor(Type.PARAMETER_DATA, parameterData()),
    descriptor(Type.SUPPORTED_DESCRIPTORS, listOf(Object.values(limits.DescriptorType))),
    descriptor(Type.GENERAL_COPY, general),
  ]);
}

/** For each operation code its service actions (SPC-4 7.8.17.4). */
function supportedCommands(): number[] {
  const byOpcode = Map.groupBy(COMMANDS, ({ opcode }) => opcode);
  return [...byOpcode].flatMap(([opcode, layouts]) => [
    opcode,
    layouts.length,
    ...layouts.map(({ serviceAction }) => serviceAction ?? 0),
  ]);
}

function parameterData(): Uint8Array {
  return CopyParameterData.encode({
    maxCscds: limits.MAX_CSCDS,
    maxSegments: limits.MAX_SEGMENTS,
    maxDescriptorBytes: limits.MAX_DESCRIPTOR_BYTES,
  });
}

function listOf(bytes: readonly number[]): Uint8Array {
  return Buffer.from([bytes.length, ...bytes]);
}

/** Filled to a multiple of four bytes. */
function descriptor(type: number, body: Uint8Array): Uint8Array {
  const padded = Buffer.alloc(Math.ceil(body.length / 4) * 4);
  padded.set(body);
  return Buffer.concat([ThirdPartyHeader.encode({ type, descriptorBytes: padded.length }), padded]);
}
