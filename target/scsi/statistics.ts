/** What hosts have read and written since the unit came to be: plain fields, since READ and WRITE count here. */
export class UnitStatistics {
  readCommands = 0;
  writeCommands = 0;
  /** By the unit from hosts: written. */
  blocksReceived = 0;
  /** By the unit to hosts: read. */
  blocksTransmitted = 0;
}
