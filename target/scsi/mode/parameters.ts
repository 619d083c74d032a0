/**
 * The mode parameters of a logical unit that MODE SELECT can change; everything else in the mode
 * pages is constant (pages.ts). One set for all nexuses (SPC-4 7.5.5, shared).
 */
export class ModeParameters {
  /** Caching page: WCE (SBC-4 6.5.6). Off, every write is answered only when it is on the medium. */
  writeCache = true;
  /** Control page: D_SENSE, TAS and SWP (SPC-4 7.5.8). */
  descriptorSense = false;
  taskAbortedStatus = false;
  softwareWriteProtect = false;

  /** What a LOGICAL UNIT RESET leaves: the defaults, since nothing is saved (SPC-4 6.11). */
  reset(): void {
    const defaults = new ModeParameters();
    Object.assign(this, defaults);
  }
}
