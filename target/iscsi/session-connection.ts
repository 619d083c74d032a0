/**
 * A connection in full feature phase (RFC 7143 4.2.5): what each PDU of the initiator does, and the
 * answers, which leave on the connection that the request came on.
 */
import { type DeviceServer, type Execution, type Nexus, type ScsiResult, Status } from "../scsi/transport.ts";
import { serialAdd } from "../wire/serial.ts";
import type { SessionParameters } from "./keys.ts";
import { logout } from "./logout.ts";
import { answerPing } from "./nop.ts";
import { NO_TAG, Opcode, RejectReason } from "./opcodes.ts";
import { Bhs, DataOutPdu, RejectPdu, ScsiCommandPdu, ScsiResponsePdu } from "./pdus.ts";
import { ProtocolError } from "./protocol-error.ts";
import { kept, type Pdu } from "./reader.ts";
import { respond } from "./response.ts";
import type { Room } from "./send-slab.ts";
import type { Member, Session } from "./session.ts";
import { IscsiTask } from "./task.ts";
import { manageTask } from "./task-management.ts";
import type { Pair } from "./text.ts";
import { answerKeys, TextExchange } from "./text-exchange.ts";
import { requestData, takeData } from "./transfer.ts";
import type { CommandWindow } from "./window.ts";
import type { PduWriter } from "./writer.ts";

export interface SessionConnectionOptions {
  readonly session: Session;
  readonly cid: number;
  /** What this connection has agreed on, beside what the session has. */
  readonly parameters: SessionParameters;
  readonly statSn: number;
  readonly writer: PduWriter;
  /** Longest text of one exchange. */
  readonly maxTextBytes: number;
  /** SendTargets (RFC 7143 Appendix C); undefined: a target that this initiator may not know. */
  readonly sendTargets: (name: string) => readonly Pair[];
  /** Ends every session of the target; undefined where this initiator may not. */
  readonly coldReset: (() => void) | undefined;
  /** Hears of commands, while anybody listens. */
  readonly observer: CommandObserver;
  /** Ends the connection, for the reason given or because the initiator wants it; resolved when its tasks hold nothing. */
  readonly onEnd: (error?: unknown) => Promise<void>;
}

export interface CommandObserver {
  answered: ((task: IscsiTask, result: ScsiResult) => void) | undefined;
}

type Handler = (channel: SessionConnection, pdu: Pdu) => void;

export class SessionConnection implements Member {
  readonly session: Session;
  readonly cid: number;
  readonly nexus: Nexus;
  readonly parameters: SessionParameters;
  readonly server: DeviceServer;
  /** Of the session: a task is answered on the connection that it came on (connection allegiance, 4.2.5.1). */
  readonly tasks: Map<number, IscsiTask>;
  readonly #options: SessionConnectionOptions;
  readonly #window: CommandWindow;
  readonly #writer: PduWriter;
  #statSn: number;
  #ended: Promise<void> | undefined;
  #nextTransferTag = 0;
  readonly #exchange: TextExchange;
  /** It has sent a NOP-Out of its own: it knows pings, and what else few initiators know. */
  pingsUs = false;

  /** Joins its session at once. */
  constructor(options: SessionConnectionOptions) {
    const { session } = options;
    this.#options = options;
    this.session = session;
    this.cid = options.cid;
    this.nexus = session.nexus;
    this.parameters = options.parameters;
    this.server = session.server;
    this.tasks = session.tasks;
    this.#window = session.window;
    this.#writer = options.writer;
    this.#statSn = options.statSn;
    this.#exchange = new TextExchange(this, options.maxTextBytes, (pairs) =>
      answerKeys(pairs, options.sendTargets, (bytes) => {
        this.parameters.maxSendDataSegmentLength = bytes;
      }),
    );
    session.members.add(this);
  }

  /** Whether it may be told something unasked (11.9). */
  get takesMessages(): boolean {
    return this.pingsUs && !this.session.discovery;
  }

  close(): Promise<void> {
    return this.#options.onEnd();
  }

  get mayColdReset(): boolean {
    return this.#options.coldReset !== undefined;
  }

  coldReset(): void {
    this.#options.coldReset?.();
  }

  get maxSendDataSegmentLength(): number {
    return this.parameters.maxSendDataSegmentLength;
  }
  get maxBurstLength(): number {
    return this.parameters.maxBurstLength;
  }

  /** @throws ProtocolError where the connection must end. */
  receive(pdu: Pdu): void {
    if (this.session.isOver) return;
    const opcode = Bhs.opcode.get(pdu.header, 0);
    if (pdu.dataDigestFailed) {
      this.reject(pdu, RejectReason.DATA_DIGEST_ERROR);
      throw new ProtocolError("data-digest", "a data digest does not match");
    }
    const handler = HANDLERS[opcode];
    if (handler === undefined || (this.session.discovery && !DISCOVERY_OPCODES.has(opcode))) {
      return this.reject(pdu, RejectReason.COMMAND_NOT_SUPPORTED);
    }
    if (opcode === Opcode.DATA_OUT || opcode === Opcode.SNACK_REQUEST || Bhs.immediate.get(pdu.header, 0) === 1)
      return handler(this, pdu);
    const cmdSn = ScsiCommandPdu.cmdSn.get(pdu.header, 0);
    if (this.#window.takesTurn(cmdSn, this.tasks.size)) handler(this, pdu);
    else if (this.parameters.maxConnections > 1) this.#keep(cmdSn, handler, pdu);
    if (this.#window.hasEarly) this.#window.runEarly();
  }

  /** It came ahead of others, which are on their way on another connection. */
  #keep(cmdSn: number, handler: Handler, pdu: Pdu): void {
    const early = kept(pdu);
    const run = () => {
      try {
        handler(this, early);
      } catch (error) {
        void this.#options.onEnd(error);
      }
    };
    this.#window.keep(cmdSn, { channel: this, run });
  }

  /** A command of this CmdSN is not to be waited for. @returns whether it has had its turn before */
  plug(cmdSn: number): boolean {
    if (this.#window.hasSeen(cmdSn)) return true;
    this.#window.keep(cmdSn, { channel: this.session, run: () => undefined });
    this.#window.runEarly();
    return false;
  }

  /** Ends its tasks, with the last connection the session, and waits until none holds anything; nothing is sent any more. */
  end(): Promise<void> {
    this.#ended ??= this.session.leave(this);
    return this.#ended;
  }

  send(header: Buffer, data?: Uint8Array): void {
    if (!this.#ended) this.#writer.send(header, data);
  }

  room(dataBytes: number): Room {
    return this.#writer.room(dataBytes);
  }

  sendRoom(room: Room): void {
    if (!this.#ended) this.#writer.sendRoom(room);
  }

  giveBack(room: Room): void {
    this.#writer.giveBack(room);
  }

  stamp(header: Buffer, status: boolean, at = 0): void {
    ScsiResponsePdu.statSn.set(header, at, this.#statSn);
    if (status) this.#statSn = serialAdd(this.#statSn, 1);
    this.#window.stamp(header, at, this.tasks.size);
  }

  reject(pdu: Pdu, reason: number): void {
    const header = RejectPdu.encode({ opcode: Opcode.REJECT, final: 1, reason, initiatorTaskTag: NO_TAG });
    this.stamp(header, true);
    this.send(header, pdu.header);
  }

  nextTransferTag(): number {
    this.#nextTransferTag = (this.#nextTransferTag + 1) % NO_TAG;
    return this.#nextTransferTag;
  }

  command(pdu: Pdu): void {
    const task = new IscsiTask(pdu, this.nexus, this);
    if (this.tasks.size > 0 && this.tasks.has(task.tag)) return this.reject(pdu, RejectReason.PROTOCOL_ERROR);
    // Only immediate ones get past the window.
    if (this.tasks.size >= 2 * this.session.maxTasks) return this.reject(pdu, RejectReason.IMMEDIATE_COMMAND_REJECT);
    this.session.commands += 1;
    const admitted = this.server.admit(task);
    if (admitted.kind === "done") return this.#answer(task, admitted);
    task.accepted = admitted;
    if (task.expectedOutBytes > 0 || pdu.dataBytes > 0) return requestData(this, task, pdu);
    this.execute(task);
    pdu.isOver = task.hasReadAtOnce && this.#options.observer.answered === undefined;
  }

  /** All its data is there. */
  execute(task: IscsiTask): void {
    const execution = this.server.execute(task, task.data);
    if (!(execution instanceof Promise)) {
      task.hasReadAtOnce = task.room !== undefined;
      task.releaseData();
      return this.#end(task, execution);
    }
    this.tasks.set(task.tag, task);
    task.executing = execution.then(
      (end) => {
        task.releaseData();
        this.finish(task, end);
      },
      (bug: unknown) => void this.#options.onEnd(bug),
    );
  }

  finish(task: IscsiTask, end: Execution): void {
    if (this.tasks.get(task.tag) === task) this.#end(task, end);
  }

  #end(task: IscsiTask, end: Execution): void {
    if (this.tasks.size > 0) this.tasks.delete(task.tag);
    if (end.kind === "done") return this.#answer(task, end);
    if (end.reportStatus) this.#answer(task, TASK_ABORTED);
  }

  #answer(task: IscsiTask, result: ScsiResult): void {
    respond(this, task, result);
    const { observer } = this.#options;
    if (observer.answered !== undefined) observer.answered(task, result);
  }

  /** Ends a task whose data cannot be used; what still comes of it is dropped. */
  fail(task: IscsiTask, result: ScsiResult): void {
    this.server.abandon(task);
    this.finish(task, result);
  }

  dataOut(pdu: Pdu): void {
    const task = this.tasks.get(DataOutPdu.initiatorTaskTag.get(pdu.header, 0));
    // Data that is still on its way for a task that has ended is not an error.
    if (task?.executing !== undefined || task === undefined) return;
    if (task.channel !== this)
      throw new ProtocolError("allegiance", "data came on another connection than its command");
    takeData(this, task, pdu);
  }

  text(pdu: Pdu): void {
    this.#exchange.receive(pdu);
  }

  logout(pdu: Pdu): void {
    logout(this, pdu).catch(this.#options.onEnd);
  }

  manage(pdu: Pdu): void {
    manageTask(this, pdu).catch(this.#options.onEnd);
  }
}

const TASK_ABORTED: ScsiResult = Object.freeze({ kind: "done", status: Status.TASK_ABORTED });

/** By opcode, which has six bits. */
const HANDLERS = Array.from<Handler | undefined>({ length: 64 });
HANDLERS[Opcode.NOP_OUT] = answerPing;
HANDLERS[Opcode.SCSI_COMMAND] = (channel, pdu) => channel.command(pdu);
HANDLERS[Opcode.TASK_MANAGEMENT_REQUEST] = (channel, pdu) => channel.manage(pdu);
HANDLERS[Opcode.TEXT_REQUEST] = (channel, pdu) => channel.text(pdu);
HANDLERS[Opcode.DATA_OUT] = (channel, pdu) => channel.dataOut(pdu);
HANDLERS[Opcode.LOGOUT_REQUEST] = (channel, pdu) => channel.logout(pdu);
HANDLERS[Opcode.SNACK_REQUEST] = (channel, pdu) => channel.reject(pdu, RejectReason.SNACK_REJECT);

const DISCOVERY_OPCODES = new Set<number>([Opcode.NOP_OUT, Opcode.TEXT_REQUEST, Opcode.LOGOUT_REQUEST]);
