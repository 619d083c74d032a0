/**
 * A session in full feature phase (RFC 7143 4.2.2, 4.2.5): the command window, tasks, and what
 * each PDU of the initiator does.
 */
import { type DeviceServer, type Execution, type Nexus, type ScsiResult, Status } from "../scsi/transport.ts";
import { serialAdd, serialDistance } from "../wire/serial.ts";
import type { SessionParameters } from "./keys.ts";
import { answerPing } from "./nop.ts";
import { NO_TAG, Opcode, RejectReason } from "./opcodes.ts";
import {
  Bhs,
  DataOutPdu,
  LogoutRequestPdu,
  LogoutResponsePdu,
  RejectPdu,
  ScsiCommandPdu,
  ScsiResponsePdu,
} from "./pdus.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Pdu } from "./reader.ts";
import { respond } from "./response.ts";
import type { Room } from "./send-slab.ts";
import { IscsiTask } from "./task.ts";
import { manageTask } from "./task-management.ts";
import type { Pair } from "./text.ts";
import { answerKeys, TextExchange } from "./text-exchange.ts";
import { requestData, takeData } from "./transfer.ts";
import type { PduWriter } from "./writer.ts";

export interface SessionOptions {
  readonly nexus: Nexus;
  readonly parameters: SessionParameters;
  readonly discovery: boolean;
  readonly cmdSn: number;
  readonly statSn: number;
  readonly server: DeviceServer;
  readonly writer: PduWriter;
  /** How many commands may be under way: the width of the window. */
  readonly maxTasks: number;
  /** Longest text of one exchange. */
  readonly maxTextBytes: number;
  /** SendTargets (RFC 7143 Appendix C); undefined: a target that this initiator may not know. */
  readonly sendTargets: (name: string) => readonly Pair[];
  /** Ends every session of the target; undefined where this initiator may not. */
  readonly coldReset: (() => void) | undefined;
  /** Hears of commands, while anybody listens. */
  readonly observer: CommandObserver;
  /** The initiator logged out, or a bug ended the session. */
  readonly onEnd: (error?: unknown) => void;
}

export interface CommandObserver {
  answered: ((task: IscsiTask, result: ScsiResult) => void) | undefined;
}

type Handler = (session: Session, pdu: Pdu) => void;

export class Session {
  readonly nexus: Nexus;
  readonly parameters: SessionParameters;
  readonly server: DeviceServer;
  readonly tasks = new Map<number, IscsiTask>();
  readonly #options: SessionOptions;
  readonly #writer: PduWriter;
  #expCmdSn: number;
  /** The last that was told: the initiator may send up to it, whatever happens meanwhile. */
  #maxCmdSn: number;
  #statSn: number;
  #ended: Promise<void> | undefined;
  #nextTransferTag = 0;
  readonly #exchange: TextExchange;
  /** It has sent a NOP-Out of its own: it knows pings, and what else few initiators know. */
  pingsUs = false;
  commands = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.nexus = options.nexus;
    this.parameters = options.parameters;
    this.server = options.server;
    this.#writer = options.writer;
    this.#expCmdSn = options.cmdSn;
    this.#maxCmdSn = options.cmdSn;
    this.#statSn = options.statSn;
    this.#exchange = new TextExchange(this, options.maxTextBytes, (pairs) =>
      answerKeys(pairs, options.sendTargets, (bytes) => {
        this.parameters.maxSendDataSegmentLength = bytes;
      }),
    );
    if (!options.discovery) options.server.nexusBegins(options.nexus);
  }

  /** Whether it may be told something unasked (11.9). */
  get takesMessages(): boolean {
    return this.pingsUs && !this.#options.discovery;
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
    const opcode = Bhs.opcode.get(pdu.header, 0);
    if (pdu.dataDigestFailed) {
      this.reject(pdu, RejectReason.DATA_DIGEST_ERROR);
      throw new ProtocolError("data-digest", "a data digest does not match");
    }
    const handler = HANDLERS.get(opcode);
    if (handler === undefined || (this.#options.discovery && !DISCOVERY_OPCODES.has(opcode))) {
      return this.reject(pdu, RejectReason.COMMAND_NOT_SUPPORTED);
    }
    if (UNNUMBERED.has(opcode) || this.#takesTurn(pdu.header)) handler(this, pdu);
  }

  /** Whether a command of this CmdSN has arrived. */
  hasSeen(cmdSn: number): boolean {
    return serialDistance(cmdSn, this.#expCmdSn) < 0;
  }

  /** Ends every task and waits until none holds anything; nothing is sent any more. */
  end(): Promise<void> {
    this.#ended ??= this.#endTasks();
    return this.#ended;
  }

  async #endTasks(): Promise<void> {
    for (const task of this.tasks.values()) if (task.executing === undefined) this.server.abandon(task);
    this.tasks.clear();
    if (!this.#options.discovery) await this.server.nexusEnds(this.nexus);
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
    ScsiResponsePdu.expCmdSn.set(header, at, this.#expCmdSn);
    // Honest: a window that the tasks under way have used up is closed (RFC 7143 4.2.2.1).
    const free = Math.max(0, this.#options.maxTasks - this.tasks.size);
    const last = serialAdd(this.#expCmdSn, free - 1);
    // It never goes back: immediate commands, which no window holds, may be under way as well.
    if (serialDistance(last, this.#maxCmdSn) > 0) this.#maxCmdSn = last;
    ScsiResponsePdu.maxCmdSn.set(header, at, this.#maxCmdSn);
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
    const task = new IscsiTask(pdu.header, this.nexus, this.#writer);
    if (this.tasks.has(task.tag)) return this.reject(pdu, RejectReason.PROTOCOL_ERROR);
    // Only immediate ones get past the window.
    if (this.tasks.size >= 2 * this.#options.maxTasks) return this.reject(pdu, RejectReason.IMMEDIATE_COMMAND_REJECT);
    this.commands += 1;
    const admitted = this.server.admit(task);
    if (admitted.kind === "done") return this.#answer(task, admitted);
    task.accepted = admitted;
    if (task.expectedOutBytes > 0 || pdu.dataBytes > 0) return requestData(this, task, pdu);
    this.execute(task);
  }

  /** All its data is there. */
  execute(task: IscsiTask): void {
    const execution = this.server.execute(task, task.data);
    if (!(execution instanceof Promise)) return this.#end(task, execution);
    this.tasks.set(task.tag, task);
    task.executing = execution.then(
      (end) => this.finish(task, end),
      (bug: unknown) => this.#options.onEnd(bug),
    );
  }

  finish(task: IscsiTask, end: Execution): void {
    if (this.tasks.get(task.tag) === task) this.#end(task, end);
  }

  #end(task: IscsiTask, end: Execution): void {
    this.tasks.delete(task.tag);
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
    takeData(this, task, pdu);
  }

  text(pdu: Pdu): void {
    this.#exchange.receive(pdu);
  }

  logout(pdu: Pdu): void {
    const header = LogoutResponsePdu.encode({
      opcode: Opcode.LOGOUT_RESPONSE,
      final: 1,
      initiatorTaskTag: LogoutRequestPdu.initiatorTaskTag.get(pdu.header, 0),
    });
    // Its tasks end before it is told that it is out (RFC 7143 11.14.5).
    const tasks = [...this.tasks.values()];
    void Promise.all(tasks.map((task) => this.server.abortTask(task))).then(() => {
      this.stamp(header, true);
      this.send(header);
      this.#options.onEnd();
    }, this.#options.onEnd);
  }

  manage(pdu: Pdu): void {
    manageTask(this, pdu).catch(this.#options.onEnd);
  }

  /** Command order (RFC 7143 4.2.2.1): immediate ones at once; others in turn, and outside the window not at all. */
  #takesTurn(header: Buffer): boolean {
    if (Bhs.immediate.get(header, 0) === 1) return true;
    const cmdSn = ScsiCommandPdu.cmdSn.get(header, 0);
    if (cmdSn !== this.#expCmdSn) return false;
    const isPromised = serialDistance(cmdSn, this.#maxCmdSn) <= 0;
    if (!isPromised && this.tasks.size >= this.#options.maxTasks) return false;
    this.#expCmdSn = serialAdd(this.#expCmdSn, 1);
    return true;
  }
}

const TASK_ABORTED: ScsiResult = Object.freeze({ kind: "done", status: Status.TASK_ABORTED });

const HANDLERS = new Map<number, Handler>([
  [Opcode.NOP_OUT, answerPing],
  [Opcode.SCSI_COMMAND, (session, pdu) => session.command(pdu)],
  [Opcode.TASK_MANAGEMENT_REQUEST, (session, pdu) => session.manage(pdu)],
  [Opcode.TEXT_REQUEST, (session, pdu) => session.text(pdu)],
  [Opcode.DATA_OUT, (session, pdu) => session.dataOut(pdu)],
  [Opcode.LOGOUT_REQUEST, (session, pdu) => session.logout(pdu)],
  [Opcode.SNACK_REQUEST, (session, pdu) => session.reject(pdu, RejectReason.SNACK_REJECT)],
]);

/** PDUs that carry no CmdSN. */
const UNNUMBERED = new Set<number>([Opcode.DATA_OUT, Opcode.SNACK_REQUEST]);
const DISCOVERY_OPCODES = new Set<number>([Opcode.NOP_OUT, Opcode.TEXT_REQUEST, Opcode.LOGOUT_REQUEST]);
