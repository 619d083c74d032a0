import type { Fabric } from "@sanlab/controller/fabric/resources.ts";
import { unitName } from "../lab/unit-name.ts";
import { table } from "./output.ts";
import type { VerbContext } from "./verb.ts";

/** The name server's view: every port, the disks, and who is logged in where. */
export async function showFabric(context: VerbContext): Promise<void> {
  const fabric = await context.api.get<Fabric>("/fabric");
  await context.print(fabric, () => text(fabric));
}

function text({ zoneSet, ports, units, logins }: Fabric): string {
  const list = (names: readonly string[]) => (names.length === 0 ? "-" : names.join(", "));
  const where = ports.map(({ kind, name, wwpn, wwnn, zones, address }) => [
    kind,
    name,
    wwpn,
    wwnn,
    list(zones),
    address,
  ]);
  return [
    zoneSet === null ? "No zone set is active: all zones count." : `Active zone set: ${zoneSet}`,
    "",
    table(["KIND", "NAME", "WWPN", "WWNN", "ZONES", "ADDRESS"], where),
    "",
    table(
      ["DISK", "NAA", "ZONES"],
      units.map(({ disk, table: of, naa, zones }) => [unitName(disk, of ?? undefined), naa, list(zones)]),
    ),
    "",
    logins.length === 0
      ? "Nobody is logged in."
      : table(
          ["LOGGED IN", "WWPN", "AT", "WWPN", "FROM"],
          logins.map(({ host, wwpn, agent, agentWwpn, address }) => [
            host ?? "-",
            wwpn ?? "-",
            agent,
            agentWwpn,
            address,
          ]),
        ),
  ].join("\n");
}
