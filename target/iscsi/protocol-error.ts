/** The peer broke RFC 7143; under ErrorRecoveryLevel 0 the connection ends (7.1.4.3). */
export class ProtocolError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
