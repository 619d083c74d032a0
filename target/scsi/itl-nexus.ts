import { Attention, AttentionQueue } from "./attention.ts";
import { CopyResults } from "./copy/results.ts";
import type { Registrant } from "./reservations/state.ts";
import type { Nexus } from "./transport.ts";

/** What a logical unit knows of one I_T nexus (SAM-5 4.8.4: the I_T_L nexus). It begins with the power-on unit attention. */
export class ItlNexus {
  readonly nexus: Nexus;
  /** What it is registered as, if it is (SPC-4 5.13.7). */
  readonly registrant: Registrant;
  readonly attentions = new AttentionQueue();
  readonly copies = new CopyResults();
  /** What it left in the echo buffer (SPC-4 6.49.8). */
  echo: Uint8Array | undefined = undefined;
  /** PREVENT ALLOW MEDIUM REMOVAL asked for by this nexus (SPC-4 6.18). */
  preventsRemoval = false;

  constructor(nexus: Nexus) {
    this.nexus = nexus;
    // iSCSI names are the same in either case (RFC 7143 4.2.7.2).
    const { initiatorPort, targetPort } = nexus;
    this.registrant = { initiatorPort: initiatorPort.toLowerCase(), relativePortId: targetPort.relativePortId };
    this.attentions.establish(Attention.POWER_ON);
  }
}
