/** A session (RFC 7143 4.2.5): what its connections share, from the first login to the end of the last. */
import type { DeviceServer, Nexus } from "../scsi/transport.ts";
import type { SessionParameters } from "./keys.ts";
import type { IscsiTask } from "./task.ts";
import { CommandWindow } from "./window.ts";

export interface SessionOptions {
  readonly nexus: Nexus;
  /** As the leading connection has agreed on them. */
  readonly parameters: SessionParameters;
  readonly discovery: boolean;
  readonly isid: number;
  /** CmdSN of the first command. */
  readonly cmdSn: number;
  readonly server: DeviceServer;
  /** How many commands may be under way: the width of the window. */
  readonly maxTasks: number;
}

const isOf = ({ channel }: IscsiTask, member: object): boolean => channel === member;

/** One connection, as its session sees it. */
export interface Member {
  readonly cid: number;
  /** Ends it; resolved when its tasks hold nothing. */
  close(): Promise<void>;
}

export class Session {
  readonly nexus: Nexus;
  readonly parameters: SessionParameters;
  readonly discovery: boolean;
  readonly isid: number;
  readonly server: DeviceServer;
  readonly maxTasks: number;
  /** By initiator task tag, which is unique in the session, whatever the connection (11.2.1.8). */
  readonly tasks = new Map<number, IscsiTask>();
  readonly window: CommandWindow;
  readonly members = new Set<Member>();
  commands = 0;
  /** The initiator has logged out of it: nothing that it still sends counts. */
  isOver = false;
  #ended: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.nexus = options.nexus;
    this.parameters = options.parameters;
    this.discovery = options.discovery;
    this.isid = options.isid;
    this.server = options.server;
    this.maxTasks = options.maxTasks;
    this.window = new CommandWindow(options.cmdSn, options.maxTasks);
    if (!options.discovery) options.server.nexusBegins(options.nexus);
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Resolved when its tasks hold nothing; undefined while it goes on. */
  get ended(): Promise<void> | undefined {
    return this.#ended;
  }

  member(cid: number): Member | undefined {
    return [...this.members].find((member) => member.cid === cid);
  }

  /** Whether a connection of this CID may be added: in place of one of the same CID, or beside the others (6.3.4, 13.2). */
  hasRoomFor(cid: number): boolean {
    const others = [...this.members].filter((member) => member.cid !== cid);
    return new Set(others.map((member) => member.cid)).size < this.parameters.maxConnections;
  }

  /** A connection is gone, and its tasks with it (ErrorRecoveryLevel 0); the last takes the session along. */
  async leave(member: Member): Promise<void> {
    this.members.delete(member);
    this.window.forget(member);
    if (this.members.size === 0) return this.#end();
    await this.abortTasks(member);
  }

  /** Ends every task of one connection, or of all; resolved when none holds anything. */
  async abortTasks(member?: Member): Promise<void> {
    const tasks = [...this.tasks.values()].filter((task) => member === undefined || isOf(task, member));
    for (const task of tasks) this.tasks.delete(task.tag);
    await Promise.all(tasks.map((task) => this.#abort(task)));
  }

  /** Ends all that is under way and what the nexus holds, such as RESERVE, so that whoever is told that the session is over finds it so. */
  async endForLogout(): Promise<void> {
    this.isOver = true;
    await this.abortTasks();
    if (!this.discovery) await this.server.nexusEnds(this.nexus);
  }

  /** Ends every connection, and with the last one the session. */
  async close(): Promise<void> {
    await Promise.all([...this.members].map((member) => member.close()));
  }

  async #abort(task: IscsiTask): Promise<void> {
    if (task.executing === undefined) return this.server.abandon(task);
    await this.server.abortTask(task);
    await task.executing;
  }

  #end(): Promise<void> {
    this.#ended ??= this.#endTasks();
    return this.#ended;
  }

  async #endTasks(): Promise<void> {
    for (const task of this.tasks.values()) if (task.executing === undefined) this.server.abandon(task);
    this.tasks.clear();
    if (!this.discovery) await this.server.nexusEnds(this.nexus);
  }
}
