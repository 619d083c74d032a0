import type { Agent, ExportPath } from "@sanlab/controller/api/resources.ts";
import { formatEndpoint, parseEndpoint } from "../lab/endpoint.ts";

/** The one way in which a host sees a disk through an agent, with addresses as the host sees them. */
export interface HostPath {
  readonly disk: string;
  readonly agent: string;
  /** "ADDRESS:PORT". */
  readonly portal: string;
  readonly target: string;
  readonly lun: number;
}

/** QEMU's user networking shows this machine's loopback address as the network's gateway. */
export const GUEST_GATEWAY = "10.0.2.2";

/** Where the reader stands: in a guest on user networking, or on this machine. */
export type Viewpoint = "guest" | "machine";

/** All paths of a host, by LUN and agent. Agents that are not bound have no address yet and are left out. */
export function pathsOfHost(
  host: string,
  paths: readonly ExportPath[],
  agents: readonly Agent[],
  viewpoint: Viewpoint,
): HostPath[] {
  return paths
    .filter((path) => path.host === host)
    .flatMap(({ disk, agent, target, lun }) => {
      const portal = portalOf(
        agents.find(({ name }) => name === agent),
        viewpoint,
      );
      return portal === undefined ? [] : [{ disk, agent, portal, target, lun }];
    })
    .sort((a, b) => a.lun - b.lun || a.agent.localeCompare(b.agent));
}

function portalOf(agent: Agent | undefined, viewpoint: Viewpoint): string | undefined {
  const bound = agent === undefined ? undefined : parseEndpoint(agent.portal);
  if (bound === undefined || bound.port === 0) return undefined;
  const isAny = bound.host === "0.0.0.0" || bound.host === "::";
  const isLoopback = bound.host === "127.0.0.1" || isAny;
  if (viewpoint === "guest" && isLoopback) return formatEndpoint({ host: GUEST_GATEWAY, port: bound.port });
  return formatEndpoint(isAny ? { host: "127.0.0.1", port: bound.port } : bound);
}
