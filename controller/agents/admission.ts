/** Hello: who an agent is, which incarnation it may go on as, and what it is told first (`spec.md`, Messages). */
import type { Hello, Welcome } from "node-iscsi-target/mapping/protocol.ts";
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
  hello(connection: Connection, hello: Hello): Promise<AgentSession | undefined> {
    return this.#roster.inTurn(hello.agent, () => this.#hello(connection, hello));
  }

  async #hello(connection: Connection, hello: Hello): Promise<AgentSession | undefined> {
    const { lab } = this.#roster.options;
    const record = this.#roster.record(hello.agent);
    const refusal =
      record === undefined ? `This lab has no agent '${hello.agent}'; add it first.` : refusalOf(hello, record, lab);
    if (refusal !== undefined || record === undefined) {
      connection.send({ type: "refused", reason: refusal ?? "", fatal: true });
      return undefined;
    }
    const session = this.#roster.session(record.name);
    const same = session?.envelope.incarnation === hello.incarnation && hello.epoch === lab.epoch;
    if (same && session !== undefined && !session.fenced) {
      connection.send(welcome(record, session, lab));
      session.attach(connection);
      return session;
    }
    return this.#begin(connection, hello, record);
  }

  /** A fresh process, or one that outlived another controller. */
  async #begin(connection: Connection, hello: Hello, record: AgentRecord): Promise<AgentSession> {
    const fresh = hello.incarnation === 0;
    if (fresh) {
      await this.#fencing.end(record);
      this.#roster.session(record.name)?.fence();
    }
    const incarnation = fresh ? record.incarnation + 1 : record.incarnation;
    const tables = fresh ? [] : record.tables;
    // Durable before anything is granted to it.
    const next: AgentRecord = { ...record, incarnation, process: hello.process, tables };
    await this.#roster.save(next);
    const { cluster, epoch } = this.#roster.options.lab;
    const known: Known = { session: new AgentSession({ cluster, epoch, incarnation }), has: new Map() };
    this.#roster.known.set(record.name, known);
    this.#roster.problems.delete(record.name);
    this.#roster.options.onBegin(record.name, known.session);
    connection.send(welcome(next, known.session, this.#roster.options.lab));
    known.session.attach(connection);
    await this.#deliveries.synchronise(record.name, known, tables);
    return known.session;
  }
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
  };
}

function refusalOf(hello: Hello, record: AgentRecord, lab: LabRecord): string | undefined {
  if (hello.protocol !== PROTOCOL_VERSION)
    return `This agent speaks protocol ${hello.protocol}, the controller ${PROTOCOL_VERSION}; run both from one version.`;
  if (hello.incarnation !== 0 && (hello.cluster !== lab.cluster || hello.incarnation !== record.incarnation)) {
    return `This process was incarnation ${hello.incarnation} of agent '${hello.agent}', which was fenced.`;
  }
  return undefined;
}
