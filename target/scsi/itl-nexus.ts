import { Attention, AttentionQueue } from "./attention.ts";
import type { Nexus } from "./transport.ts";

/** What a logical unit knows of one I_T nexus (SAM-5 4.8.4: the I_T_L nexus). It begins with the power-on unit attention. */
export class ItlNexus {
  readonly nexus: Nexus;
  readonly attentions = new AttentionQueue();
  /** PREVENT ALLOW MEDIUM REMOVAL asked for by this nexus (SPC-4 6.18). */
  preventsRemoval = false;

  constructor(nexus: Nexus) {
    this.nexus = nexus;
    this.attentions.establish(Attention.POWER_ON);
  }
}
