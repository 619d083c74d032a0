/** The fabric as a name server tells it: every port, and who is logged in where. */
import { targetName } from "../agents/admission.ts";
import type { Session } from "../api/resources.ts";
import type { ControllerCore } from "../core.ts";
import { askAgents } from "../server/questions.ts";
import { unitsOf } from "../units/unit.ts";
import type { Fabric, FabricLogin, FabricPort, Mask } from "./resources.ts";
import { wwnKey, wwnText } from "./wwn.ts";
import { effectiveZones } from "./zoning.ts";

export async function fabric(core: ControllerCore): Promise<Fabric> {
  const zones = effectiveZones(core.records);
  const { hosts, agents, disks } = core.records;
  const zonesOf = (key: "hosts" | "agents" | "disks", name: string) =>
    zones.filter((zone) => zone[key].includes(name)).map((zone) => zone.name);
  const port = (kind: "host" | "agent", name: string, address: string): FabricPort => ({
    kind,
    name,
    ...namesOf(core, kind, name),
    address,
    zones: zonesOf(`${kind}s`, name),
  });
  return {
    zoneSet: core.records.fabric.get("fabric")?.zoneSet ?? null,
    ports: [
      ...hosts.values().map(({ name, iqn }) => port("host", name, iqn)),
      ...agents.values().map(({ name }) => port("agent", name, targetName(core.lab.name, name))),
    ],
    units: disks
      .values()
      .flatMap((disk) => unitsOf(core.records, disk))
      .map(({ disk: { name }, view, naa }) => ({
        disk: name,
        table: view?.name ?? null,
        naa,
        zones: zonesOf("disks", name),
      })),
    logins: await logins(core),
  };
}

/** LUN masking: which host sees which disk under which number, wherever zones let it. */
export function masks({ records }: ControllerCore): Mask[] {
  return records.exports.values().map(({ host, disk, table = null, lun }) => ({ host, disk, table, lun }));
}

async function logins(core: ControllerCore): Promise<FabricLogin[]> {
  const agents = core.records.agents.values().map(({ name }) => name);
  const answers = await askAgents(core, agents, { what: "sessions" });
  return answers.flatMap(({ agent, result }) =>
    (result as Session[]).map(({ initiator, address }) => {
      const host = core.records.hosts.values().find(({ iqn }) => iqn === initiator)?.name ?? null;
      const wwpn = host === null ? null : namesOf(core, "host", host).wwpn;
      return { host, wwpn, agent, agentWwpn: namesOf(core, "agent", agent).wwpn, address };
    }),
  );
}

function namesOf({ records }: ControllerCore, kind: "host" | "agent", name: string): { wwnn: string; wwpn: string } {
  const names = records.wwns.get(wwnKey(kind, name));
  return { wwnn: wwnText(names?.wwnn ?? ""), wwpn: wwnText(names?.wwpn ?? "") };
}
