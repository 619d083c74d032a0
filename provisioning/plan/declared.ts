import type { Lab } from "../lab/lab.ts";
import { unitName } from "../lab/unit-name.ts";
import type { Declared } from "../state/lab-record.ts";

/** What a lab file declares, by name. */
export function declaredBy(lab: Lab): Declared {
  const names = (things: readonly { readonly name: string }[]) => things.map(({ name }) => name);
  return {
    pools: names(lab.pools),
    disks: names(lab.disks),
    agents: names(lab.agents),
    hosts: names(lab.hosts),
    zones: names(lab.zones),
    faults: names(lab.faults),
    aliases: names(lab.aliases),
    zoneSets: names(lab.zoneSets),
    tables: lab.disks.flatMap(({ name, tables = [] }) => tables.map((table) => unitName(name, table.name))),
    exports: lab.hosts.flatMap((host) => host.disks.map((disk) => `${host.name}/${disk}`)),
  };
}
