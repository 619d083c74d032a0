/** Sense as it is written in a fault: by name, `medium-error/unrecovered-read-error`, or by bytes, `3/11/00`. */
import { Condition, SenseKey } from "../scsi/condition.ts";
import { FaultTextError, oneOf, type Word } from "./words.ts";

/** Conditions that this target never reports by itself, and others do (SPC-4 annex F). */
const FURTHER: Readonly<Record<string, Condition>> = {
  LOGICAL_UNIT_NOT_READY_INITIALIZING_COMMAND_REQUIRED: { senseKey: SenseKey.NOT_READY, asc: 0x04, ascq: 0x02 },
  LOGICAL_UNIT_IS_IN_PROCESS_OF_BECOMING_READY: { senseKey: SenseKey.NOT_READY, asc: 0x04, ascq: 0x01 },
  ASYMMETRIC_ACCESS_STATE_TRANSITION: { senseKey: SenseKey.NOT_READY, asc: 0x04, ascq: 0x0a },
  LOGICAL_UNIT_COMMUNICATION_FAILURE: { senseKey: SenseKey.ABORTED_COMMAND, asc: 0x08, ascq: 0x00 },
  PROTOCOL_SERVICE_CRC_ERROR: { senseKey: SenseKey.ABORTED_COMMAND, asc: 0x47, ascq: 0x05 },
  POWER_ON_RESET: { senseKey: SenseKey.UNIT_ATTENTION, asc: 0x29, ascq: 0x00 },
  ASYMMETRIC_ACCESS_STATE_CHANGED: { senseKey: SenseKey.UNIT_ATTENTION, asc: 0x2a, ascq: 0x06 },
  CAPACITY_DATA_HAS_CHANGED: { senseKey: SenseKey.UNIT_ATTENTION, asc: 0x2a, ascq: 0x09 },
  THIN_PROVISIONING_SOFT_THRESHOLD_REACHED: { senseKey: SenseKey.UNIT_ATTENTION, asc: 0x38, ascq: 0x07 },
};

const KEYS = new Map(Object.entries(SenseKey).map(([name, key]) => [key as number, slug(name)]));
const BY_NAME = new Map(
  Object.entries({ ...Condition, ...FURTHER }).map(([name, condition]) => [
    `${KEYS.get(condition.senseKey) ?? ""}/${slug(name)}`,
    condition,
  ]),
);

/** Every name that `sense` takes. */
export const SENSE_NAMES: readonly string[] = [...BY_NAME.keys()].sort();

const BYTES = /^(?:0x)?([0-9a-f])\/(?:0x)?([0-9a-f]{2})\/(?:0x)?([0-9a-f]{2})$/i;

/** @throws FaultTextError */
export function senseOf(word: Word): Condition {
  const named = BY_NAME.get(word.text);
  if (named !== undefined) return { ...named };
  const [, senseKey, asc, ascq] = BYTES.exec(word.text) ?? [];
  if (senseKey !== undefined && asc !== undefined && ascq !== undefined) {
    return { senseKey: Number.parseInt(senseKey, 16), asc: Number.parseInt(asc, 16), ascq: Number.parseInt(ascq, 16) };
  }
  const key = word.text.split("/", 1)[0] ?? "";
  const ofKey = SENSE_NAMES.filter((name) => name.startsWith(`${key}/`));
  const names = ofKey.length > 0 ? oneOf(ofKey) : "KEY/NAME such as medium-error/unrecovered-read-error";
  throw new FaultTextError(word, `${names}, or three bytes in hexadecimal such as 3/11/00`);
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}
