/**
 * The command window of a session (RFC 7143 4.2.2.1): which CmdSN comes next, how many may, and
 * what came ahead of its turn on another connection of the session.
 */
import { serialAdd, serialDistance } from "../wire/serial.ts";
import { ScsiResponsePdu } from "./pdus.ts";

/** A command that waits for those before it. */
export interface EarlyCommand {
  /** The connection that it came on; it goes with it. */
  readonly channel: object;
  run(): void;
}

export class CommandWindow {
  readonly #width: number;
  #expCmdSn: number;
  /** The last that was told: the initiator may send up to it, whatever happens meanwhile. */
  #maxCmdSn: number;
  readonly #early = new Map<number, EarlyCommand>();

  constructor(cmdSn: number, width: number) {
    this.#expCmdSn = cmdSn;
    this.#maxCmdSn = cmdSn;
    this.#width = width;
  }

  get expCmdSn(): number {
    return this.#expCmdSn;
  }

  get maxCmdSn(): number {
    return this.#maxCmdSn;
  }

  get hasEarly(): boolean {
    return this.#early.size > 0;
  }

  /** Puts ExpCmdSN and MaxCmdSN into the header at `at`, while so many tasks are under way. */
  stamp(header: Buffer, at: number, tasks: number): void {
    ScsiResponsePdu.expCmdSn.set(header, at, this.#expCmdSn);
    // Honest: a window that the tasks under way have used up is closed.
    const free = Math.max(0, this.#width - tasks);
    const last = serialAdd(this.#expCmdSn, free - 1);
    // It never goes back: immediate commands, which no window holds, may be under way as well.
    if (serialDistance(last, this.#maxCmdSn) > 0) this.#maxCmdSn = last;
    ScsiResponsePdu.maxCmdSn.set(header, at, this.#maxCmdSn);
  }

  /** Whether it is the turn of a command that is not immediate; outside the window it never is. */
  takesTurn(cmdSn: number, tasks: number): boolean {
    if (cmdSn !== this.#expCmdSn) return false;
    const isPromised = serialDistance(cmdSn, this.#maxCmdSn) <= 0;
    if (!isPromised && tasks >= this.#width) return false;
    this.#expCmdSn = serialAdd(this.#expCmdSn, 1);
    return true;
  }

  /** Whether a command of this CmdSN has had its turn. */
  hasSeen(cmdSn: number): boolean {
    return serialDistance(cmdSn, this.#expCmdSn) < 0;
  }

  /** Keeps a command until its turn, where the window has promised it one; the first of a CmdSN counts. */
  keep(cmdSn: number, command: EarlyCommand): void {
    const isPromised = !this.hasSeen(cmdSn) && serialDistance(cmdSn, this.#maxCmdSn) <= 0;
    if (isPromised && !this.#early.has(cmdSn)) this.#early.set(cmdSn, command);
  }

  /** Runs what was kept, as far as it is its turn. */
  runEarly(): void {
    for (;;) {
      const next = this.#early.get(this.#expCmdSn);
      if (next === undefined) return;
      this.#early.delete(this.#expCmdSn);
      this.#expCmdSn = serialAdd(this.#expCmdSn, 1);
      next.run();
    }
  }

  /** What came early on a connection that is gone must come again on another (7.2.1). */
  forget(channel: object): void {
    for (const [cmdSn, command] of this.#early) if (command.channel === channel) this.#early.delete(cmdSn);
  }
}
