import type { Agent } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import { readSecret } from "../../hosts/secret.ts";
import { agentProcess } from "../../state/layout.ts";
import { UserError } from "../../user-error.ts";
import { facts, table } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { addRemote, assertHere, listenVerb, remoteOptions } from "./remote-agent.ts";

export const agentVerbs: readonly Verb[] = [
  {
    usage: "list",
    summary: "All agents: process, portal, state",
    examples: ["sanlab agent list", "sanlab agent list --json"],
    run: async (context) => {
      const agents = (await context.api.get<Agent[]>("/agents")).map(presented);
      await context.print(agents, () =>
        table(
          ["AGENT", "PID", "PORTAL", "STATE", "TARGET"],
          agents.map(({ name, pid, portal, state, problem, target }) => [
            name,
            pid ?? "-",
            portal,
            problem ?? state,
            target,
          ]),
        ),
      );
    },
  },
  {
    usage: "show <name>",
    summary: "An agent",
    examples: ["sanlab agent show a"],
    run: async (context, [name]) => {
      const agent = presented(await find(context, name));
      await context.print(agent, () =>
        facts([
          ["agent", agent.name],
          ["process", agent.pid ?? "none"],
          ["portal", agent.portal],
          ["advertised", agent.advertise === null ? "as bound" : agent.advertise.host],
          ["CHAP", agent.chap === null ? "none" : `${agent.chap.user}, the secret from ${agent.chap.secretFile}`],
          ["target", agent.target],
          ["state", agent.problem ?? agent.state],
          ["incarnation", agent.incarnation],
          ["fenced by", agent.leaseMs === null ? "kill" : `lease of ${agent.leaseMs / 1000} s`],
        ]),
      );
    },
  },
  {
    usage: "access <name> <state>",
    summary:
      "Set the ALUA state of its ports for all disks: optimized, non-optimized, standby or unavailable; hosts are told",
    examples: ["sanlab agent access b standby", "sanlab agent access b optimized"],
    run: async (context, [name, state]) => {
      const result = await context.api.put(`/agents/${encodeURIComponent(String(name))}/access`, {
        state: parse.accessState(String(state)),
      });
      await context.print(result, () => `Agent '${String(name)}' is ${String(state)} for all disks.`);
    },
  },
  {
    usage: "add <name>",
    summary: "Start another agent; a zone lets hosts see it",
    examples: [
      "sanlab agent add c",
      "sanlab agent add c --portal 127.0.0.1:3262",
      "sanlab agent add c --portal 0.0.0.0:3260 --advertise san.example",
      "sanlab agent add d --remote --portal 192.0.2.7:3260",
      "sanlab agent add e --lease 4",
      "sanlab agent add c --chap lab:lab.secret",
    ],
    options: [
      new Option("--portal <host:port>", "where it listens; port 0 takes any free one")
        .argParser(parse.portal)
        .default({ host: "127.0.0.1", port: 0 }, "127.0.0.1:0"),
      new Option("--advertise <host[:port]>", "what hosts are told instead").argParser(parse.advertise),
      new Option("--chap <user:file>", "what hosts must prove; the secret is the file's first line").argParser(
        parse.chap,
      ),
      ...remoteOptions(),
    ],
    run: add,
  },
  {
    usage: "remove <name>",
    summary: "Stop an agent and forget it",
    examples: ["sanlab agent remove c"],
    run: async (context, [name]) => {
      const agent = await find(context, name);
      const { removeAgentWith } = await import("../../apply/single.ts");
      await removeAgentWith(context, agent.name);
      await context.print({ removed: agent.name }, () => `Agent '${agent.name}' is removed.`);
    },
  },
  listenVerb,
  signalVerb(
    "kill",
    "SIGKILL",
    "Kill an agent's process (kill -9), as a crash would; it is started again",
    "was killed",
  ),
  signalVerb("pause", "SIGSTOP", "Freeze an agent's process until `resume`", "is frozen"),
  signalVerb("resume", "SIGCONT", "Let a paused agent go on", "goes on"),
];

function signalVerb(verb: string, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT", summary: string, done: string): Verb {
  return {
    usage: `${verb} <name>`,
    summary,
    examples: [`sanlab agent ${verb} a`],
    run: async (context, [name]) => {
      const agent = await find(context, name);
      assertHere(agent, `agent ${verb}`);
      await context.supervisor.signal(agentProcess(agent.name), signal);
      await context.print({ agent: agent.name, signal }, () => `Agent '${agent.name}' ${done}.`);
    },
  };
}

async function add(
  context: VerbContext,
  [name]: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { addAgentWith } = await import("../../apply/single.ts");
  const advertise = options.advertise as { host: string; port?: number } | undefined;
  const portal = options.portal as { host: string; port: number };
  const chap = options.chap as { user: string; secretFile: string } | undefined;
  if (chap !== undefined) await readSecret(chap.secretFile);
  const spec = {
    name: parse.name(String(name)),
    portal,
    ...(advertise === undefined ? {} : { advertise }),
    ...(chap === undefined ? {} : { chap }),
  };
  if (options.remote === true) return addRemote(context, spec, options);
  const leaseMs = options.lease as number | undefined;
  await addAgentWith(context, leaseMs === undefined ? spec : { ...spec, lease: { leaseMs } });
  const agent = presented(await find(context, name));
  await context.print(
    agent,
    () => `Agent '${agent.name}' listens at ${agent.portal}: let hosts see it with 'sanlab zone create'.`,
  );
}

async function find(context: VerbContext, name: unknown): Promise<Agent> {
  const agents = await context.api.get<Agent[]>("/agents");
  const agent = agents.find((candidate) => candidate.name === name);
  if (agent !== undefined) return agent;
  const known =
    agents.length === 0 ? "the lab has none" : `the lab has ${agents.map((candidate) => candidate.name).join(", ")}`;
  throw new UserError("AGENT", `There is no agent '${String(name)}': ${known}.`);
}

/** A process that is gone has no number, whatever the controller last heard. */
function presented(agent: Agent): Agent {
  return agent.state === "connected" ? agent : { ...agent, pid: null };
}
