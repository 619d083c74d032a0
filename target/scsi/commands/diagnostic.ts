/** SEND DIAGNOSTIC and RECEIVE DIAGNOSTIC RESULTS (SPC-4 6.42, 6.31): a self-test, and the list of pages. */
import { ReceiveDiagnosticResults, SendDiagnostic } from "../cdb.ts";
import { type Command, GOOD, goodWith } from "../command.ts";
import { Condition } from "../condition.ts";
import { failureOf } from "../outcome.ts";
import { DiagnosticPageHeader } from "../parameter-data.ts";
import { takeReadBuffer } from "../read-buffers.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";

/** Supported Diagnostic Pages (SPC-4 7.2.3): the only one, so it lists itself. */
const SUPPORTED_PAGES = 0x00;
/** SELF-TEST CODE (SPC-4 table 276): none, or a short one in the foreground. */
const SelfTest = { NONE: 0, FOREGROUND_SHORT: 5 } as const;

export const diagnosticCommands: readonly CommandDefinition[] = [
  { cdb: SendDiagnostic, access: "none", conflicts: "any", admit, execute: sendDiagnostic },
  { cdb: ReceiveDiagnosticResults, access: "none", conflicts: "any", execute: receiveResults },
];

function admit(command: Command): ScsiResult | undefined {
  const { cdb } = command;
  const { selfTestCode, pageFormat, selfTest, listBytes } = SendDiagnostic;
  const code = selfTestCode.get(cdb, 0);
  const bytes = listBytes.get(cdb, 0);
  if (code !== SelfTest.NONE && code !== SelfTest.FOREGROUND_SHORT) return command.invalidField(selfTestCode);
  // SELFTEST is a test of its own (SPC-4 table 275).
  if (code !== SelfTest.NONE && selfTest.get(cdb, 0) !== 0) return command.invalidField(selfTestCode);
  if (bytes === 0) return undefined;
  if (tests(command) || pageFormat.get(cdb, 0) === 0) return command.invalidField(listBytes);
  if (bytes !== DiagnosticPageHeader.sizeBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  command.dataOutBytes = bytes;
  return undefined;
}

function tests({ cdb }: Command): boolean {
  return SendDiagnostic.selfTest.get(cdb, 0) !== 0 || SendDiagnostic.selfTestCode.get(cdb, 0) !== SelfTest.NONE;
}

async function sendDiagnostic(command: Command, dataOut: readonly Uint8Array[]): Promise<Execution> {
  if (tests(command)) return await testUnit(command);
  if (command.dataOutBytes === 0) return GOOD;
  const list = gather(dataOut, command.dataOutBytes);
  if (list.length < command.dataOutBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const { pageCode, pageBytes } = DiagnosticPageHeader.decode(list);
  if (pageCode !== SUPPORTED_PAGES) return command.invalidParameter(0);
  return pageBytes === 0 ? command.taken() : command.invalidParameter(2);
}

/** Both ends of the medium can be read. */
async function testUnit(command: Command): Promise<Execution> {
  const { unit, task } = command;
  if (unit.notReady) return command.fail(unit.notReady, unit.progress);
  for (const lba of [0, unit.blocks - 1]) {
    const result = await unit.device.read(lba * unit.blockBytes, takeReadBuffer(unit.blockBytes), task);
    if (result.kind === "cancelled") return failureOf(command, result, "read") ?? GOOD;
    if (result.kind !== "ok") return command.fail(Condition.FAILED_SELF_TEST);
  }
  return GOOD;
}

function receiveResults(command: Command): ScsiResult {
  const { cdb } = command;
  const { pageCodeValid, pageCode, allocationBytes } = ReceiveDiagnosticResults;
  // Without PCV: the page that SEND DIAGNOSTIC asked for last, which can only be this one.
  if (pageCodeValid.get(cdb, 0) !== 0 && pageCode.get(cdb, 0) !== SUPPORTED_PAGES)
    return command.invalidField(pageCode);
  const pages = Buffer.from([SUPPORTED_PAGES]);
  const header = DiagnosticPageHeader.encode({ pageCode: SUPPORTED_PAGES, pageBytes: pages.length });
  return goodWith(Buffer.concat([header, pages]), allocationBytes.get(cdb, 0));
}
