import type { Agent, ExportPath } from "@sanlab/controller/api/resources.ts";
import { userNetwork } from "@sanlab/vm/command-line.ts";
import { formatEndpoint, parseEndpoint } from "../lab/endpoint.ts";
import type { LabHost } from "../lab/lab.ts";

/** The one way in which a host sees a disk through an agent, with addresses as the host sees them. */
export interface HostPath {
  /** What it is shown: `DISK`, or `DISK/TABLE`. */
  readonly disk: string;
  readonly agent: string;
  /** "ADDRESS:PORT". */
  readonly portal: string;
  readonly target: string;
  readonly lun: number;
  /** What the host must prove to this agent. */
  readonly chap?: { readonly user: string; readonly secretFile: string };
}

/** Where the reader stands: in a guest on user networking, with this many cards, or on this machine. */
export type Viewpoint = { readonly nics: number } | "machine";

/** All paths of a host, by LUN and agent. Agents that are not bound have no address yet and are left out. */
export function pathsOfHost(
  host: string,
  paths: readonly ExportPath[],
  agents: readonly Agent[],
  viewpoint: Viewpoint,
): HostPath[] {
  return paths
    .filter((path) => path.host === host)
    .flatMap(({ unit: disk, agent: name, target, lun }): HostPath[] => {
      const agent = agents.find((candidate) => candidate.name === name);
      const portal = portalOf(agent, viewpoint);
      if (agent === undefined || portal === undefined) return [];
      return [{ disk, agent: name, portal, target, lun, ...(agent.chap === null ? {} : { chap: agent.chap }) }];
    })
    .sort((a, b) => a.lun - b.lun || a.agent.localeCompare(b.agent));
}

/** Addresses at which a guest's cards reach this machine's loopback address, one for each card. */
export function gatewaysOf(nics: number): string[] {
  return Array.from({ length: nics }, (_, index) => userNetwork(index).hostAddress);
}

function portalOf(agent: Agent | undefined, viewpoint: Viewpoint): string | undefined {
  const bound = agent === undefined ? undefined : parseEndpoint(agent.portal);
  if (agent === undefined || bound === undefined || bound.port === 0) return undefined;
  const isAny = bound.host === "0.0.0.0" || bound.host === "::";
  const isLoopback = bound.host === "127.0.0.1" || isAny;
  if (viewpoint !== "machine" && isLoopback) {
    // By the agent's own number, so that agents that come later change nothing for those that are there.
    const { hostAddress } = userNetwork((agent.relativePortId - 1) % viewpoint.nics);
    return formatEndpoint({ host: hostAddress, port: bound.port });
  }
  return formatEndpoint(isAny ? { host: "127.0.0.1", port: bound.port } : bound);
}

/** Whether some disk is seen through more than one agent, so that the guest puts its paths together. */
export function hasSeveralPaths(paths: readonly HostPath[]): boolean {
  return new Set(paths.map(({ disk }) => disk)).size < paths.length;
}

export type HostPortal = Pick<HostPath, "portal" | "target" | "chap">;

/** What has to be logged in to, each once. */
export function distinctPortals(paths: readonly HostPath[]): HostPortal[] {
  const portals = paths.map(({ portal, target, chap }) => ({
    portal,
    target,
    ...(chap === undefined ? {} : { chap }),
  }));
  return [...new Map(portals.map((each) => [`${each.portal} ${each.target}`, each])).values()];
}

/** The paths that a host uses, as its initiator sees them: QEMU and the firmware know one to each disk. */
export function usedPaths(
  { name, initiator, nics }: Pick<LabHost, "name" | "initiator" | "nics">,
  exports: readonly ExportPath[],
  agents: readonly Agent[],
): HostPath[] {
  if (initiator === "qemu") return onePathEach(pathsOfHost(name, exports, agents, "machine"));
  // The firmware has only brought up the first card.
  const paths = pathsOfHost(name, exports, agents, { nics: initiator === "ipxe" ? 1 : nics });
  return initiator === "ipxe" ? onePathEach(paths, paths[0]?.agent) : paths;
}

/** The first path of each disk, for initiators that know one path to a disk; one through `agent` where there is one. */
export function onePathEach(paths: readonly HostPath[], agent?: string): HostPath[] {
  const first = new Map<string, HostPath>();
  for (const path of paths) {
    if (!first.has(path.disk) || path.agent === agent) first.set(path.disk, path);
  }
  return [...first.values()];
}
