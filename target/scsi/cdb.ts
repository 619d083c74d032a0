/**
 * The command descriptor blocks (SPC-4 4.2.5, SBC-4 5): one declaration each. The fields are those
 * that this server looks at, so together they are the CDB USAGE DATA of REPORT SUPPORTED OPERATION
 * CODES.
 */
import { bits, type Field, flag, type Layout, layout, uint } from "../wire/layout.ts";
import { maskOf, uint21 } from "./fields.ts";

export interface CdbLayout {
  readonly name: string;
  readonly opcode: number;
  /** In the low five bits of byte 1, for operation codes that have service actions. */
  readonly serviceAction: number | undefined;
  readonly sizeBytes: number;
  /** SPC-4 6.35.3: the operation code and service action themselves, then a one for each bit that is looked at. */
  readonly usage: Uint8Array;
  /** Where it has them: the address of its blocks, and the length of its parameter list. */
  readonly lba?: Field;
  readonly listBytes?: Field;
}

/** CONTROL byte: NACA (SAM-5 5.2). */
export const CONTROL_NACA = 0x04;

type Fields = Record<string, Field>;
type Cdb<F extends Fields> = CdbLayout & Layout<F>;

function cdb<const F extends Fields>(
  name: string,
  code: number | readonly [opcode: number, serviceAction: number],
  sizeBytes: number,
  fields: F,
): Cdb<F> {
  const [opcode, serviceAction] = typeof code === "number" ? [code, undefined] : code;
  const usage = maskOf(sizeBytes, Object.values(fields));
  usage[0] = opcode;
  if (serviceAction !== undefined) usage[1] = (usage[1] ?? 0) | serviceAction;
  usage[sizeBytes - 1] = (usage[sizeBytes - 1] ?? 0) | CONTROL_NACA;
  return { ...layout(sizeBytes, fields), name, opcode, serviceAction, usage };
}

// --- Blocks (SBC-4 5) -----------------------------------------------------------------------------

export const Read6 = cdb("READ(6)", 0x08, 6, { lba: uint21(1), blocks: uint(4, 1) });
export const Write6 = cdb("WRITE(6)", 0x0a, 6, { lba: uint21(1), blocks: uint(4, 1) });

const transfer = { protect: bits(1, 5, 3), dpo: flag(1, 4), fua: flag(1, 3) };
const range10 = { lba: uint(2, 4), blocks: uint(7, 2) };
const range12 = { lba: uint(2, 4), blocks: uint(6, 4) };
const range16 = { lba: uint(2, 8), blocks: uint(10, 4) };

export const Read10 = cdb("READ(10)", 0x28, 10, { ...transfer, ...range10 });
export const Read12 = cdb("READ(12)", 0xa8, 12, { ...transfer, ...range12 });
export const Read16 = cdb("READ(16)", 0x88, 16, { ...transfer, ...range16 });
export const Write10 = cdb("WRITE(10)", 0x2a, 10, { ...transfer, ...range10 });
export const Write12 = cdb("WRITE(12)", 0xaa, 12, { ...transfer, ...range12 });
export const Write16 = cdb("WRITE(16)", 0x8a, 16, { ...transfer, ...range16 });
export type BlockCdb = Cdb<typeof transfer & typeof range10>;

export const CompareAndWrite = cdb("COMPARE AND WRITE", 0x89, 16, {
  ...transfer,
  lba: uint(2, 8),
  blocks: uint(13, 1),
});
export const OrWrite16 = cdb("ORWRITE(16)", 0x8b, 16, { ...transfer, ...range16 });
export const WriteAtomic16 = cdb("WRITE ATOMIC(16)", 0x9c, 16, {
  ...transfer,
  lba: uint(2, 8),
  boundary: uint(10, 2),
  blocks: uint(12, 2),
});

const verification = { protect: bits(1, 5, 3), dpo: flag(1, 4), byteCheck: bits(1, 1, 2) };

export const Verify10 = cdb("VERIFY(10)", 0x2f, 10, { ...verification, ...range10 });
export const Verify12 = cdb("VERIFY(12)", 0xaf, 12, { ...verification, ...range12 });
export const Verify16 = cdb("VERIFY(16)", 0x8f, 16, { ...verification, ...range16 });
export const WriteAndVerify10 = cdb("WRITE AND VERIFY(10)", 0x2e, 10, { ...verification, ...range10 });
export const WriteAndVerify12 = cdb("WRITE AND VERIFY(12)", 0xae, 12, { ...verification, ...range12 });
export const WriteAndVerify16 = cdb("WRITE AND VERIFY(16)", 0x8e, 16, { ...verification, ...range16 });
export type VerifyCdb = Cdb<typeof verification & typeof range10>;

/** `relative`: the obsolete PBDATA and LBDATA (SBC-2 5.46). */
const same = { protect: bits(1, 5, 3), anchor: flag(1, 4), unmap: flag(1, 3), relative: bits(1, 1, 2) };

export const WriteSame10 = cdb("WRITE SAME(10)", 0x41, 10, { ...same, ...range10 });
export const WriteSame16 = cdb("WRITE SAME(16)", 0x93, 16, { ...same, noDataOut: flag(1, 0), ...range16 });
export type WriteSameCdb = Cdb<typeof same & typeof range10> & { readonly noDataOut?: Field };

const immediate = { immediate: flag(1, 1) };

export const SynchronizeCache10 = cdb("SYNCHRONIZE CACHE(10)", 0x35, 10, { ...immediate, ...range10 });
export const SynchronizeCache16 = cdb("SYNCHRONIZE CACHE(16)", 0x91, 16, { ...immediate, ...range16 });
export const Prefetch10 = cdb("PRE-FETCH(10)", 0x34, 10, { ...immediate, ...range10 });
export const Prefetch16 = cdb("PRE-FETCH(16)", 0x90, 16, { ...immediate, ...range16 });
export type BlockRangeCdb = Cdb<typeof immediate & typeof range10>;

export const Unmap = cdb("UNMAP", 0x42, 10, { anchor: flag(1, 0), listBytes: uint(7, 2) });
export const GetLbaStatus16 = cdb("GET LBA STATUS(16)", [0x9e, 0x12], 16, {
  lba: uint(2, 8),
  allocationBytes: uint(10, 4),
});
export const ReadCapacity10 = cdb("READ CAPACITY(10)", 0x25, 10, { lba: uint(2, 4), partialMedium: flag(8, 0) });
export const ReadCapacity16 = cdb("READ CAPACITY(16)", [0x9e, 0x10], 16, { allocationBytes: uint(10, 4) });

const immediateFirst = { immediate: flag(1, 7), unrestrictedExit: flag(1, 5), listBytes: uint(7, 2) };
export const SanitizeOverwrite = cdb("SANITIZE: OVERWRITE", [0x48, 0x01], 10, immediateFirst);
export const SanitizeBlockErase = cdb("SANITIZE: BLOCK ERASE", [0x48, 0x02], 10, immediateFirst);
export const SanitizeCryptoErase = cdb("SANITIZE: CRYPTOGRAPHIC ERASE", [0x48, 0x03], 10, immediateFirst);
export const SanitizeExitFailure = cdb("SANITIZE: EXIT FAILURE MODE", [0x48, 0x1f], 10, immediateFirst);
export type SanitizeCdb = Cdb<typeof immediateFirst>;

export const FormatUnit = cdb("FORMAT UNIT", 0x04, 6, {
  protectionInfo: bits(1, 6, 2),
  longList: flag(1, 5),
  formatData: flag(1, 4),
  completeList: flag(1, 3),
  defectFormat: bits(1, 0, 3),
});
export const ReadDefectData10 = cdb("READ DEFECT DATA(10)", 0x37, 10, {
  primary: flag(2, 4),
  grown: flag(2, 3),
  format: bits(2, 0, 3),
  allocationBytes: uint(7, 2),
});
export const ReadDefectData12 = cdb("READ DEFECT DATA(12)", 0xb7, 12, {
  primary: flag(1, 4),
  grown: flag(1, 3),
  format: bits(1, 0, 3),
  allocationBytes: uint(6, 4),
});

// --- The unit (SPC-4 6, SBC-4 5) ------------------------------------------------------------------

export const TestUnitReady = cdb("TEST UNIT READY", 0x00, 6, {});
export const RequestSense = cdb("REQUEST SENSE", 0x03, 6, {
  descriptorFormat: flag(1, 0),
  allocationBytes: uint(4, 1),
});
export const Inquiry = cdb("INQUIRY", 0x12, 6, {
  vitalData: flag(1, 0),
  pageCode: uint(2, 1),
  allocationBytes: uint(3, 2),
});
export const StartStopUnit = cdb("START STOP UNIT", 0x1b, 6, {
  powerCondition: bits(4, 4, 4),
  noFlush: flag(4, 2),
  loadEject: flag(4, 1),
  start: flag(4, 0),
});
export const PreventAllowMediumRemoval = cdb("PREVENT ALLOW MEDIUM REMOVAL", 0x1e, 6, { prevent: bits(4, 0, 2) });

const modePage = {
  disableBlockDescriptors: flag(1, 3),
  pageControl: bits(2, 6, 2),
  pageCode: bits(2, 0, 6),
  subpageCode: uint(3, 1),
};
export const ModeSense6 = cdb("MODE SENSE(6)", 0x1a, 6, { ...modePage, allocationBytes: uint(4, 1) });
export const ModeSense10 = cdb("MODE SENSE(10)", 0x5a, 10, {
  longLbaAccepted: flag(1, 4),
  ...modePage,
  allocationBytes: uint(7, 2),
});

const modeSelect = { pageFormat: flag(1, 4), savePages: flag(1, 0) };
export const ModeSelect6 = cdb("MODE SELECT(6)", 0x15, 6, { ...modeSelect, listBytes: uint(4, 1) });
export const ModeSelect10 = cdb("MODE SELECT(10)", 0x55, 10, { ...modeSelect, listBytes: uint(7, 2) });

export const LogSense = cdb("LOG SENSE", 0x4d, 10, {
  savePages: flag(1, 0),
  pageControl: bits(2, 6, 2),
  pageCode: bits(2, 0, 6),
  subpageCode: uint(3, 1),
  parameterPointer: uint(5, 2),
  allocationBytes: uint(7, 2),
});

const buffer = { mode: bits(1, 0, 5), bufferId: uint(2, 1), offset: uint(3, 3) };
export const ReadBuffer = cdb("READ BUFFER", 0x3c, 10, { ...buffer, allocationBytes: uint(6, 3) });
export const WriteBuffer = cdb("WRITE BUFFER", 0x3b, 10, { ...buffer, listBytes: uint(6, 3) });
export const SendDiagnostic = cdb("SEND DIAGNOSTIC", 0x1d, 6, {
  selfTestCode: bits(1, 5, 3),
  pageFormat: flag(1, 4),
  selfTest: flag(1, 2),
  listBytes: uint(3, 2),
});
export const ReceiveDiagnosticResults = cdb("RECEIVE DIAGNOSTIC RESULTS", 0x1c, 6, {
  pageCodeValid: flag(1, 0),
  pageCode: uint(2, 1),
  allocationBytes: uint(3, 2),
});

export const ReportLuns = cdb("REPORT LUNS", 0xa0, 12, { selectReport: uint(2, 1), allocationBytes: uint(6, 4) });
export const ReportTargetPortGroups = cdb("REPORT TARGET PORT GROUPS", [0xa3, 0x0a], 12, {
  format: bits(1, 5, 3),
  allocationBytes: uint(6, 4),
});
export const SetTargetPortGroups = cdb("SET TARGET PORT GROUPS", [0xa4, 0x0a], 12, { listBytes: uint(6, 4) });
export const ReportSupportedOperationCodes = cdb("REPORT SUPPORTED OPERATION CODES", [0xa3, 0x0c], 12, {
  timeouts: flag(2, 7),
  reportingOptions: bits(2, 0, 3),
  requestedOpcode: uint(3, 1),
  requestedServiceAction: uint(4, 2),
  allocationBytes: uint(6, 4),
});
export const ReportSupportedTaskManagementFunctions = cdb(
  "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
  [0xa3, 0x0d],
  12,
  {
    extendedData: flag(2, 7),
    allocationBytes: uint(6, 4),
  },
);

// --- Reservations (SPC-4 6.15, 6.16; SPC-2 7.16, 7.17, 7.21, 7.22) -------------------------------

const reserveIn = { allocationBytes: uint(7, 2) };
export const ReadKeys = cdb("PERSISTENT RESERVE IN: READ KEYS", [0x5e, 0], 10, reserveIn);
export const ReadReservation = cdb("PERSISTENT RESERVE IN: READ RESERVATION", [0x5e, 1], 10, reserveIn);
export const ReportCapabilities = cdb("PERSISTENT RESERVE IN: REPORT CAPABILITIES", [0x5e, 2], 10, reserveIn);
export const ReadFullStatus = cdb("PERSISTENT RESERVE IN: READ FULL STATUS", [0x5e, 3], 10, reserveIn);

const reserveOut = { listBytes: uint(5, 4) };
const typed = { scope: bits(2, 4, 4), type: bits(2, 0, 4), ...reserveOut };
export const Register = cdb("PERSISTENT RESERVE OUT: REGISTER", [0x5f, 0], 10, reserveOut);
export const Reserve = cdb("PERSISTENT RESERVE OUT: RESERVE", [0x5f, 1], 10, typed);
export const Release = cdb("PERSISTENT RESERVE OUT: RELEASE", [0x5f, 2], 10, typed);
export const Clear = cdb("PERSISTENT RESERVE OUT: CLEAR", [0x5f, 3], 10, reserveOut);
export const Preempt = cdb("PERSISTENT RESERVE OUT: PREEMPT", [0x5f, 4], 10, typed);
export const PreemptAndAbort = cdb("PERSISTENT RESERVE OUT: PREEMPT AND ABORT", [0x5f, 5], 10, typed);
export const RegisterAndIgnore = cdb(
  "PERSISTENT RESERVE OUT: REGISTER AND IGNORE EXISTING KEY",
  [0x5f, 6],
  10,
  reserveOut,
);
export const RegisterAndMove = cdb("PERSISTENT RESERVE OUT: REGISTER AND MOVE", [0x5f, 7], 10, reserveOut);
export type ReserveOutCdb = Cdb<typeof reserveOut>;
export type TypedReserveOutCdb = Cdb<typeof typed>;

/** Reservations for third parties and of extents are obsolete. */
const unitReserve = { thirdParty: flag(1, 4), extent: flag(1, 0) };
export const Reserve6 = cdb("RESERVE(6)", 0x16, 6, unitReserve);
export const Release6 = cdb("RELEASE(6)", 0x17, 6, unitReserve);
export const Reserve10 = cdb("RESERVE(10)", 0x56, 10, unitReserve);
export const Release10 = cdb("RELEASE(10)", 0x57, 10, unitReserve);
export type UnitReserveCdb = Cdb<typeof unitReserve>;

// --- Copies (SPC-4 6.3, 6.27) ---------------------------------------------------------------------

export const ExtendedCopy = cdb("EXTENDED COPY(LID1)", [0x83, 0x00], 16, { listBytes: uint(10, 4) });
export const ExtendedCopyLid4 = cdb("EXTENDED COPY(LID4)", [0x83, 0x01], 16, { listBytes: uint(10, 4) });
/** SBC-4 5.12 and 5.59. */
const tokenCommand = { listId: uint(6, 4), listBytes: uint(10, 4) };
export const PopulateToken = cdb("POPULATE TOKEN", [0x83, 0x10], 16, tokenCommand);
export const WriteUsingToken = cdb("WRITE USING TOKEN", [0x83, 0x11], 16, tokenCommand);
export type TokenCdb = Cdb<typeof tokenCommand>;
const copyResults = { listId: uint(2, 1), allocationBytes: uint(10, 4) };
export const CopyStatusLid1 = cdb("RECEIVE COPY STATUS(LID1)", [0x84, 0x00], 16, copyResults);
export const CopyFailureDetailsLid1 = cdb("RECEIVE COPY FAILURE DETAILS(LID1)", [0x84, 0x04], 16, copyResults);
export const CopyStatusLid4 = cdb("RECEIVE COPY STATUS(LID4)", [0x84, 0x05], 16, {
  listId: uint(2, 4),
  allocationBytes: uint(10, 4),
});
export const RodTokenInformation = cdb("RECEIVE ROD TOKEN INFORMATION", [0x84, 0x07], 16, {
  listId: uint(2, 4),
  allocationBytes: uint(10, 4),
});
export const OperatingParametersLid1 = cdb("RECEIVE COPY OPERATING PARAMETERS", [0x84, 0x03], 16, {
  allocationBytes: uint(10, 4),
});
