/** Rates out of two samples (pure). */
import type { Sample } from "@sanlab/controller/metrics/resources.ts";

/** Per second between the two samples. */
export interface Top {
  readonly seconds: number;
  readonly disks: readonly DiskRates[];
  readonly agents: readonly AgentRates[];
  readonly paths: readonly PathRates[];
}
export interface DiskRates {
  readonly disk: string;
  readonly agent: string;
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly held: number;
}
export interface AgentRates {
  readonly agent: string;
  readonly up: boolean;
  readonly faultsSent: number;
  readonly messagesSent: number;
}
export interface PathRates {
  readonly host: string;
  readonly agent: string;
  readonly sessions: number;
  readonly queue: number;
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export function ratesBetween(before: Sample, after: Sample): Top {
  const seconds = (after.atMs - before.atMs) / 1000;
  const rate = perSecond(seconds);
  return {
    seconds,
    disks: after.disks.map((row) => {
      const old = before.disks.find(({ disk, agent }) => disk === row.disk && agent === row.agent);
      return { ...row, ...rate(row, old, ["reads", "writes", "readBytes", "writtenBytes", "held"]) };
    }),
    agents: after.agents.map(({ agent, up, ...row }) => {
      const old = before.agents.find((one) => one.agent === agent);
      return { agent, up, ...rate(row, old, ["faultsSent", "messagesSent"]) };
    }),
    paths: after.paths.map((row) => {
      const old = before.paths.find(({ host, agent }) => host === row.host && agent === row.agent);
      return { ...row, ...rate(row, old, ["commands", "bytesIn", "bytesOut"]) };
    }),
  };
}

/** What counts from anew (a process that was restarted, a new login) has done all that it tells since then. */
function perSecond(seconds: number) {
  return <Key extends string>(
    now: Readonly<Record<Key, number>>,
    before: Readonly<Record<Key, number>> | undefined,
    keys: readonly Key[],
  ): Record<Key, number> => {
    const rates = keys.map((key) => {
      const old = before?.[key] ?? 0;
      const done = now[key] < old ? now[key] : now[key] - old;
      return [key, seconds > 0 ? Math.round((done / seconds) * 10) / 10 : 0] as const;
    });
    return Object.fromEntries(rates) as Record<Key, number>;
  };
}
