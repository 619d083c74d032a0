import { resolve } from "node:path";
import { LEASE_LIMITS_MS } from "@sanlab/controller/agents/leases.ts";
import type { Agent, RemoteListener } from "@sanlab/controller/api/resources.ts";
import { InvalidArgumentError, Option } from "commander";
import { admitRemoteAgent, joinFileOf } from "../../apply/remote-steps.ts";
import type { AgentSpec } from "../../lab/lab.ts";
import { UserError } from "../../user-error.ts";
import { facts } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb, VerbContext } from "../verb.ts";

/** Options of `agent add` for an agent that runs elsewhere. */
export const remoteOptions = (): Option[] => [
  new Option("--remote", "it runs on another machine, under leases: writes what it needs to join, and starts nothing"),
  new Option("--lease <seconds>", "it serves under leases so long (8 with --remote), here too").argParser(seconds),
  new Option("--join-file <file>", "with --remote: where to write what it needs to join (readable by you only)"),
];

/** `sanlab agent add NAME --remote`. */
export async function addRemote(
  context: VerbContext,
  spec: AgentSpec,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { name } = spec;
  const leaseMs = options.lease as number | undefined;
  const joinFile = resolve(String(options.joinFile ?? joinFileOf(context.state, name)));
  const agent = await admitRemoteAgent(
    context.api,
    { ...spec, ...(leaseMs === undefined ? {} : { lease: { leaseMs } }) },
    joinFile,
  );
  await context.print(
    { ...agent, joinFile },
    () => `Agent '${name}' may join: copy ${joinFile} to its machine, and run there: sanlab agent --join ${name}.join`,
  );
}

/** `sanlab agent listen`: the controller's door for other machines. */
export const listenVerb: Verb = {
  usage: "listen [host:port]",
  summary: "Let agents of other machines reach the controller there, over TLS; without HOST:PORT, show where they do",
  examples: [
    "sanlab agent listen 192.0.2.1:7443",
    "sanlab agent listen 0.0.0.0:7443 --as san.example --as 192.0.2.1",
    "sanlab agent listen --stop",
  ],
  options: [
    new Option(
      "--as <name>",
      "a name or address under which the controller is reached; the first is what agents are told",
    ).argParser(parse.hostNames),
    new Option("--stop", "listen on this machine only"),
  ],
  run: async (context, [address], options) => {
    if (options.stop === true) {
      await context.api.delete("/remote");
      return context.print({ listener: null }, () => "The controller listens on this machine only.");
    }
    const listener = await listenAt(context, address as string | undefined, options.as as string[] | undefined);
    await context.print({ listener }, () =>
      listener === null
        ? "The controller listens on this machine only."
        : facts([
            ["controller", listener.url],
            ["names", listener.names.join(", ")],
          ]),
    );
  },
};

async function listenAt(
  { api }: VerbContext,
  address: string | undefined,
  names: readonly string[] | undefined,
): Promise<RemoteListener | null> {
  if (address === undefined) return (await api.get<{ listener: RemoteListener | null }>("/remote")).listener;
  const request = { ...parse.portal(address), ...(names === undefined ? {} : { names }) };
  return api.put<RemoteListener>("/remote", request);
}

/** What is done to the processes of a lab's own agents can be done to no other. */
export function assertHere({ name, elsewhere }: Agent, what: string): void {
  if (!elsewhere) return;
  throw new UserError("AGENT", `Agent '${name}' runs on another machine, where '${what}' does not reach: do it there.`);
}

function seconds(text: string): number {
  const { least, most } = LEASE_LIMITS_MS;
  const ms = /^[0-9]{1,2}(\.[0-9])?$/.test(text) ? Math.round(Number(text) * 1000) : Number.NaN;
  if (!(ms >= least && ms <= most)) {
    throw new InvalidArgumentError(`Expected ${least / 1000} to ${most / 1000} seconds, such as 8.`);
  }
  return ms;
}
