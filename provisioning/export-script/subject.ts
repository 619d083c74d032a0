/** What a script is about: one host, and every way to each of its disks. */
import type { Agent, ExportPath, Host } from "@sanlab/controller/api/resources.ts";
import { formatEndpoint } from "../lab/endpoint.ts";
import { UserError } from "../user-error.ts";

export interface ScriptPath {
  readonly agent: string;
  /** "ADDRESS:PORT", IPv6 addresses in brackets. */
  readonly portal: string;
  readonly target: string;
  /** Target portal group tag (RFC 7143 13.9). */
  readonly portalGroupTag: number;
  /** What has to be proved there; the secret is the machine's own to have, in a file. */
  readonly chap?: { readonly user: string };
}

export interface ScriptDisk {
  /** `DISK`, or `DISK/TABLE`. */
  readonly name: string;
  readonly lun: number;
  /** As multipath and udev know it: a 3 and the NAA designator. */
  readonly wwid: string;
  readonly sizeBytes: number;
  readonly paths: readonly ScriptPath[];
}

export interface ScriptSubject {
  readonly host: string;
  readonly iqn: string;
  readonly disks: readonly ScriptDisk[];
  /** Each target once: what has to be logged in to. */
  readonly targets: readonly ScriptPath[];
}

/** Whether any disk can be reached by more than one path, so that multipath is to put them together. */
export function hasSeveralPaths({ disks }: Pick<ScriptSubject, "disks">): boolean {
  return disks.some(({ paths }) => paths.length > 1);
}

/**
 * How long a session that is lost is waited for before its I/O fails, seconds: not for long where another path can take
 * over, and for open-iscsi's own time where there is none.
 */
export const REPLACEMENT_TIMEOUT_S = { single: 120, multipath: 20 } as const;

/** What the controller knows. */
export interface LabView {
  readonly paths: readonly ExportPath[];
  readonly agents: readonly Agent[];
  readonly hosts: readonly Host[];
}

/** @throws UserError where the host sees no disk */
export function subjectOf(host: string, lab: LabView): ScriptSubject {
  const own = lab.paths.filter((path) => path.host === host).map((path) => ({ ...path, ...throughAgent(path, lab) }));
  const [first] = own;
  if (first === undefined) {
    throw new UserError(
      "HOST",
      `Host '${host}' sees no disk: export one to it, and name both in a zone with an agent.`,
    );
  }
  const names = [...new Set(own.map(({ unit }) => unit))];
  const targets = new Map(own.map((path) => [path.target, pathOf(path)]));
  return {
    host,
    iqn: first.iqn,
    targets: [...targets.values()],
    disks: names.flatMap((name) => {
      const ways = own.filter(({ unit }) => unit === name);
      const [way] = ways;
      if (way === undefined) return [];
      const { lun, naa, sizeBytes } = way;
      return [{ name, lun, wwid: `3${naa}`, sizeBytes, paths: ways.map(pathOf) }];
    }),
  };
}

function throughAgent(path: ExportPath, lab: LabView): Omit<ScriptPath, "target" | "agent"> {
  const agent = lab.agents.find(({ name }) => name === path.agent);
  return {
    portal: portalAsTold(path, agent, lab),
    portalGroupTag: agent?.relativePortId ?? 1,
    ...(agent === undefined || agent.chap === null ? {} : { chap: { user: agent.chap.user } }),
  };
}

/** As discovery tells it to the host: what is advertised to it, or by the agent, goes before what is bound. */
function portalAsTold({ host, portal }: ExportPath, agent: Agent | undefined, { hosts }: LabView): string {
  const told = hosts.find(({ name }) => name === host)?.advertise ?? null;
  const toHost = typeof told === "string" ? told : told?.[((agent?.relativePortId ?? 1) - 1) % told.length];
  const address = toHost ?? agent?.advertise?.host;
  if (address === undefined) return portal;
  const port = toHost === undefined ? agent?.advertise?.port : undefined;
  return formatEndpoint({ host: address, port: port ?? Number(splitPortal(portal).port) });
}

function pathOf({ agent, portal, target, portalGroupTag, chap }: ScriptPath): ScriptPath {
  return { agent, portal, target, portalGroupTag, ...(chap === undefined ? {} : { chap }) };
}

/** Where a machine elsewhere keeps the secrets of CHAP: a file for each agent, with nothing else in it. */
export const SECRETS = "/etc/sanlab/chap";

/** What goes without saying, and what has to be put there first; a line each. */
export function secretNotes({ targets }: Pick<ScriptSubject, "targets">): string[] {
  return targets.flatMap(({ agent, chap }) =>
    chap === undefined
      ? []
      : [
          `The CHAP secret of '${chap.user}' at agent '${agent}' is read from ${SECRETS}/${agent}: put it there, without a line's end, for root only.`,
        ],
  );
}

/** Host and port of "ADDRESS:PORT". */
export function splitPortal(portal: string): { readonly address: string; readonly port: string } {
  const at = portal.lastIndexOf(":");
  return { address: portal.slice(0, at).replace(/^\[|\]$/g, ""), port: portal.slice(at + 1) };
}
