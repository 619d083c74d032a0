import { userNetwork } from "@sanlab/vm/command-line.ts";
import { macAddress } from "@sanlab/vm/guest-config.ts";
import type { HostRecord } from "./record.ts";

/** A host's cards: stable addresses, each on a network of its own, the first with the way to the rest of the world. */
export function nicsOf({ iqn, nics }: HostRecord): { mac: string; address: string; gateway?: string }[] {
  return Array.from({ length: nics }, (_, index) => {
    const { guestAddress, hostAddress } = userNetwork(index);
    return { mac: macAddress(iqn, index), address: guestAddress, ...(index === 0 ? { gateway: hostAddress } : {}) };
  });
}
