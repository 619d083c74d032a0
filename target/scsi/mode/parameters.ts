/**
 * The mode parameters of a logical unit that MODE SELECT can change; everything else in the mode
 * pages is constant (pages.ts). One set for all nexuses (SPC-4 7.5.5, shared); nothing is saved, so
 * that a reset leaves a fresh one (SPC-4 6.11).
 */
export class ModeParameters {
  /** Caching page: WCE (SBC-4 6.5.6). Off, every write is answered only when it is on the medium. */
  writeCache = true;
  /** Control page: D_SENSE, TAS and SWP (SPC-4 7.5.8). */
  descriptorSense = false;
  taskAbortedStatus = false;
  softwareWriteProtect = false;
}
