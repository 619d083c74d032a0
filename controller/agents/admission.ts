/** Hello: who an agent is, which incarnation it may go on as, and what it is told first (docs/protocol.md, Messages). */
import type { Hello, Refused, Welcome } from "node-iscsi-target/mapping/protocol.ts";
import { PROTOCOL_VERSION } from "node-iscsi-target/mapping/protocol.ts";
import type { AgentRecord, LabRecord } from "../records.ts";
import { AgentSession, type Connection } from "./agent-session.ts";
import type { Deliveries } from "./delivery.ts";
import type { Fencing } from "./fencing.ts";
import type { Known, Roster } from "./roster.ts";

export class Admission {
  readonly #roster: Roster;
  readonly #fencing: Fencing;
  readonly #deliveries: Deliveries;

  constructor(roster: Roster, fencing: Fencing, deliveries: Deliveries) {
    this.#roster = roster;
    this.#fencing = fencing;
    this.#deliveries = deliveries;
  }

  /** The answer to a hello: a session to speak through, or undefined where it was refused. */
  async hello(connection: Connection, hello: Hello): Promise<AgentSession | undefined> {
    const admitted = await this.#roster.inTurn(hello.agent, () => this.#hello(connection, hello));
    // Not in the agent's turn: it may have to connect once more before it can acknowledge.
    await admitted?.concluded;
    return admitted?.session;
  }

  async #hello(connection: Connection, hello: Hello): Promise<Admitted | undefined> {
    const { lab } = this.#roster.options;
    const record = this.#roster.record(hello.agent);
    if (record === undefined) {
      return refuse(connection, fatal(`This lab has no agent '${hello.agent}'; add it first.`));
    }
    const refusal = refusalOf(hello, record, lab, connection);
    if (refusal !== undefined) return refuse(connection, refusal);
    const session = this.#roster.session(record.name);
    // Of an agent that was welcomed in this epoch and does not know it yet, the welcome was lost.
    const isSame = session?.envelope.incarnation === hello.incarnation || isSameProcess(hello, record);
    if (isSame && session !== undefined && !session.fenced) {
      connection.send(welcome(record, session, lab));
      session.attach(connection);
      return { session, concluded: undefined };
    }
    return this.#begin(connection, hello, record);
  }

  /** A fresh process, or one that outlived another controller. */
  async #begin(connection: Connection, hello: Hello, record: AgentRecord): Promise<Admitted | undefined> {
    const fresh = hello.incarnation === 0;
    if (fresh) {
      if (!isSameProcess(hello, record)) await this.#fencing.end(record.name);
      this.#roster.session(record.name)?.fence();
    }
    // Durable before anything is granted to it.
    const begun = await this.#roster.change(record.name, (present) => begin(present, hello));
    // Removed or fenced while it was waited for: it is refused now.
    if (begun === undefined) return this.#hello(connection, hello);
    const { cluster, epoch } = this.#roster.options.lab;
    const { incarnation, tables } = begun;
    const session = new AgentSession({ cluster, epoch, incarnation }, (detached) =>
      this.#fencing.disconnected(record.name, detached),
    );
    const known: Known = {
      session,
      has: new Map(),
      leaving: new Map(),
      isSurvivor: !fresh,
      synced: new Map(),
      removals: new Set(),
    };
    this.#roster.known.set(record.name, known);
    this.#roster.problems.delete(record.name);
    this.#roster.options.onBegin(record.name, known.session);
    connection.send(welcome(begun, known.session, this.#roster.options.lab));
    known.session.attach(connection);
    this.#fencing.onChange();
    const deliveries = await this.#deliveries.synchronise(record.name, known, tables);
    return { session, concluded: this.#deliveries.conclude(record.name, known, deliveries) };
  }
}

interface Admitted {
  readonly session: AgentSession;
  /** When it has all that it is to have. */
  readonly concluded: Promise<void> | undefined;
}

function refuse(connection: Connection, refusal: Refused): undefined {
  connection.send(refusal);
}

/** The record of a process that is let in; nothing for one that was fenced and would go on. */
function begin({ ended, ...record }: AgentRecord, { incarnation, process }: Hello): AgentRecord | undefined {
  if (incarnation === 0) return { ...record, incarnation: record.incarnation + 1, process, tables: [] };
  return ended ? undefined : { ...record, process };
}

/** A process that says hello a second time without having been welcomed: it holds nothing. */
function isSameProcess({ incarnation, process }: Hello, record: AgentRecord): boolean {
  if (process === null || record.process === null) return false;
  const isProcess = process.pid === record.process.pid && process.startTime === record.process.startTime;
  return incarnation === 0 && isProcess;
}

export function targetName(lab: string, agent: string): string {
  return `iqn.2026-11.io.sanlab:${lab}.${agent}`;
}

function welcome(record: AgentRecord, session: AgentSession, lab: LabRecord): Welcome {
  const { host, port } = record.portal;
  return {
    type: "welcome",
    ...session.envelope,
    targetName: targetName(lab.name, record.name),
    relativePortId: record.relativePortId,
    portGroup: record.relativePortId,
    portal: {
      host,
      port,
      ...(record.sticky === null ? {} : { sticky: record.sticky }),
      ...(record.advertise === null ? {} : { advertise: record.advertise }),
    },
    ...(record.remote === undefined ? {} : { lease: { durationMs: record.remote.leaseMs } }),
  };
}

function refusalOf(hello: Hello, record: AgentRecord, lab: LabRecord, connection: Connection): Refused | undefined {
  const { name, remote } = record;
  if (hello.protocol !== PROTOCOL_VERSION)
    return fatal(
      `This agent speaks protocol ${hello.protocol}, the controller ${PROTOCOL_VERSION}; run both from one version.`,
    );
  const isElsewhere = remote?.tokenHash !== undefined;
  if (isElsewhere && hello.process !== null)
    return fatal(`Agent '${name}' is one of another machine, for this lab; start it with --fence lease.`);
  if (!isElsewhere && (hello.process === null || connection.isFromElsewhere === true))
    return fatal(
      `Agent '${name}' is one of the controller's machine, for this lab; start it there, or remove it and add it with --remote.`,
    );
  // Of one that knows no lease, nobody could say when it has surely ended its last I/O.
  if (!isElsewhere && (hello.process?.leased === true) !== (remote !== undefined))
    return fatal(
      `Agent '${name}' serves ${remote === undefined ? "without a lease" : "under leases"}, for this lab; start it with --fence ${remote === undefined ? "kill" : "lease"}.`,
    );
  const isStale = hello.cluster !== lab.cluster || hello.incarnation !== record.incarnation || record.ended === true;
  if (hello.incarnation === 0 || !isStale) return undefined;
  const reason = `This process was incarnation ${hello.incarnation} of agent '${name}', which was fenced.`;
  // Nobody has killed it; what it had is gone all the same.
  return remote === undefined ? fatal(reason) : { type: "refused", reason, fatal: false, anew: true };
}

function fatal(reason: string): Refused {
  return { type: "refused", reason, fatal: true };
}
