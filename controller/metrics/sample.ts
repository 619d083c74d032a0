/** What agents count, by the names that people know: the source of `GET /metrics` and of `sanlab top`. */
import type { AgentCounters } from "node-iscsi-target/mapping/protocol.ts";
import type { Session } from "../api/resources.ts";
import type { ControllerCore } from "../core.ts";
import { describeFaults } from "../injection/injections.ts";
import { describePool } from "../pools.ts";
import { askAgents } from "../server/questions.ts";
import type { AgentSample, DiskSample, FaultSample, PathSample, PoolSample, Sample } from "./resources.ts";

/** Of all agents that answer in time. */
export async function takeSample(core: ControllerCore): Promise<Sample> {
  const names = core.records.agents.values().map(({ name }) => name);
  const [counters, sessions, faults] = await Promise.all([
    askAgents(core, names, { what: "counters" }),
    askAgents(core, names, { what: "sessions" }),
    describeFaults(core),
  ]);
  const answers = counters.map(({ agent, result }) => ({ agent, counters: result as AgentCounters }));
  return {
    atMs: core.options.clock.nowMs(),
    agents: names.map((agent) => agentSample(agent, answers.find((one) => one.agent === agent)?.counters)),
    disks: answers.flatMap((answer) => diskSamples(core, answer.agent, answer.counters)),
    paths: sessions.flatMap(({ agent, result }) => pathSamples(core, agent, result as Session[])),
    pools: core.records.pools.values().map((pool): PoolSample => {
      const { name, segments, usedSegments, segmentBytes } = describePool(core, pool);
      return { pool: name, segments, usedSegments, segmentBytes };
    }),
    faults: faults.flatMap(({ name, agents }) =>
      agents.map(({ agent, matched, fired }): FaultSample => ({ fault: name, agent, matched, fired })),
    ),
  };
}

function agentSample(agent: string, counters: AgentCounters | undefined): AgentSample {
  const { faultsSent = 0, unmapsSent = 0, messagesSent = 0 } = counters ?? {};
  return { agent, up: counters !== undefined, faultsSent, unmapsSent, messagesSent };
}

function diskSamples({ records }: ControllerCore, agent: string, { tables }: AgentCounters): DiskSample[] {
  return Object.entries(tables).flatMap(([table, counters]) => {
    const disk = records.disks.values().find((record) => record.table === table)?.name;
    return disk === undefined ? [] : [{ disk, agent, ...counters }];
  });
}

/** Several sessions of a host with an agent are one path. */
function pathSamples({ records }: ControllerCore, agent: string, sessions: readonly Session[]): PathSample[] {
  const hosts = records.hosts.values().filter(({ iqn }) => sessions.some(({ initiator }) => initiator === iqn));
  return hosts.map(({ name, iqn }) => {
    const theirs = sessions.filter(({ initiator }) => initiator === iqn);
    const sum = (key: "commands" | "queue" | "bytesIn" | "bytesOut") =>
      theirs.reduce((total, session) => total + session[key], 0);
    const counted = { commands: sum("commands"), bytesIn: sum("bytesIn"), bytesOut: sum("bytesOut") };
    return { host: name, agent, sessions: theirs.length, queue: sum("queue"), ...counted };
  });
}
