/**
 * What can be wrong with a command, by name: sense key, additional sense code and qualifier
 * (SPC-4 4.5.6 and annex F). The name is the stable code of this kind of error.
 */

/** SPC-4 4.5.6, table 43. */
export const SenseKey = {
  NO_SENSE: 0x0,
  NOT_READY: 0x2,
  MEDIUM_ERROR: 0x3,
  HARDWARE_ERROR: 0x4,
  ILLEGAL_REQUEST: 0x5,
  UNIT_ATTENTION: 0x6,
  DATA_PROTECT: 0x7,
  ABORTED_COMMAND: 0xb,
  MISCOMPARE: 0xe,
} as const;

export interface Condition {
  readonly senseKey: number;
  readonly asc: number;
  readonly ascq: number;
}

const { NO_SENSE, NOT_READY, MEDIUM_ERROR, HARDWARE_ERROR, ILLEGAL_REQUEST, DATA_PROTECT, MISCOMPARE } = SenseKey;

export const Condition = {
  NO_ADDITIONAL_SENSE: condition(NO_SENSE, 0x00, 0x00),
  NOT_READY_CAUSE_NOT_REPORTABLE: condition(NOT_READY, 0x04, 0x00),
  FORMAT_IN_PROGRESS: condition(NOT_READY, 0x04, 0x04),
  SANITIZE_IN_PROGRESS: condition(NOT_READY, 0x04, 0x1b),
  TARGET_PORT_IN_STANDBY_STATE: condition(NOT_READY, 0x04, 0x0b),
  TARGET_PORT_IN_UNAVAILABLE_STATE: condition(NOT_READY, 0x04, 0x0c),
  MEDIUM_NOT_PRESENT: condition(NOT_READY, 0x3a, 0x00),
  UNRECOVERED_READ_ERROR: condition(MEDIUM_ERROR, 0x11, 0x00),
  WRITE_ERROR: condition(MEDIUM_ERROR, 0x0c, 0x02),
  SANITIZE_COMMAND_FAILED: condition(MEDIUM_ERROR, 0x31, 0x03),
  FAILED_SELF_TEST: condition(HARDWARE_ERROR, 0x3e, 0x03),
  INTERNAL_TARGET_FAILURE: condition(HARDWARE_ERROR, 0x44, 0x00),
  INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT: condition(ILLEGAL_REQUEST, 0x0e, 0x03),
  PARAMETER_LIST_LENGTH_ERROR: condition(ILLEGAL_REQUEST, 0x1a, 0x00),
  INVALID_COMMAND_OPERATION_CODE: condition(ILLEGAL_REQUEST, 0x20, 0x00),
  LBA_OUT_OF_RANGE: condition(ILLEGAL_REQUEST, 0x21, 0x00),
  INVALID_FIELD_IN_CDB: condition(ILLEGAL_REQUEST, 0x24, 0x00),
  LOGICAL_UNIT_NOT_SUPPORTED: condition(ILLEGAL_REQUEST, 0x25, 0x00),
  INVALID_FIELD_IN_PARAMETER_LIST: condition(ILLEGAL_REQUEST, 0x26, 0x00),
  INVALID_RELEASE_OF_PERSISTENT_RESERVATION: condition(ILLEGAL_REQUEST, 0x26, 0x04),
  COMMAND_SEQUENCE_ERROR: condition(ILLEGAL_REQUEST, 0x2c, 0x00),
  SAVING_PARAMETERS_NOT_SUPPORTED: condition(ILLEGAL_REQUEST, 0x39, 0x00),
  INVALID_MESSAGE_ERROR: condition(ILLEGAL_REQUEST, 0x49, 0x00),
  MEDIUM_REMOVAL_PREVENTED: condition(ILLEGAL_REQUEST, 0x53, 0x02),
  INSUFFICIENT_REGISTRATION_RESOURCES: condition(ILLEGAL_REQUEST, 0x55, 0x04),
  WRITE_PROTECTED: condition(DATA_PROTECT, 0x27, 0x00),
  SPACE_ALLOCATION_FAILED_WRITE_PROTECT: condition(DATA_PROTECT, 0x27, 0x07),
  MISCOMPARE_DURING_VERIFY: condition(MISCOMPARE, 0x1d, 0x00),
} as const;

function condition(senseKey: number, asc: number, ascq: number): Condition {
  return Object.freeze({ senseKey, asc, ascq });
}
