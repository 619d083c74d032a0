/**
 * The task set of a logical unit (SAM-5 8): which command runs when, and how task management ends
 * one.
 *
 * A command is here only while somebody could notice: it waits for its data or its turn, or the
 * device has not answered at once. A SIMPLE command that the device answers in the same call
 * never enters.
 *
 * An atomic command (SBC-4 4.30: COMPARE AND WRITE and its like) starts when no command runs on any
 * of its blocks, and while it waits or runs, none that came after it starts on one of them.
 */
import { type BlockRange, overlap } from "./block-range.ts";
import { type Command, RESERVATION_CONFLICT } from "./command.ts";
import { type Execution, TaskAttribute } from "./transport.ts";
import { WriteWatch } from "./write-watch.ts";

export class TaskSet {
  /** By age. */
  readonly #commands = new Set<Command>();
  /** What others do on blocks of the unit just now; see `beside`. */
  readonly #guests = new Set<BlockRange>();
  readonly writes = new WriteWatch();
  readonly #limit: number;
  /** How many of them are ORDERED, HEAD OF QUEUE or atomic: only these make others wait. */
  #ordering = 0;
  #headsOfQueue = 0;
  #dormant = 0;
  #waking = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.#commands.size >= this.#limit;
  }

  get size(): number {
    return this.#commands.size;
  }

  /** Whether a command, or `beside`, writes some of these blocks just now. */
  isWriting(range: BlockRange): boolean {
    for (const guest of this.#guests) if (overlap(guest, range)) return true;
    for (const command of this.#commands) {
      if (command.state === "running" && command.definition.access === "write" && overlap(command, range)) return true;
    }
    return false;
  }

  /** Called when a command is admitted: it takes its place in the order where its place could matter. */
  admit(command: Command): void {
    const waitsForData = command.dataOutBytes > 0 && command.task.isWhole !== true;
    if (waitsForData || this.#ordering > 0 || orders(command)) this.#enrol(command);
  }

  /** All the data of an admitted command is there. */
  execute(command: Command, dataOut: readonly Uint8Array[]): Execution | Promise<Execution> {
    if (command.state !== "admitted") return command.abortedAs ?? twice(command);
    if (this.#ordering > 0 && !this.#mayRun(command)) return this.#hold(command, dataOut);
    return this.#run(command, dataOut);
  }

  /**
   * Work that a command of another unit, or one that has ended, does on blocks of this one: it does
   * not come between the parts of an atomic command, nor an atomic command between its own.
   */
  async beside<Result>(range: BlockRange, work: () => Promise<Result>): Promise<Result> {
    for (let atomic = this.#runningAtomic(range); atomic; atomic = this.#runningAtomic(range)) await ended(atomic);
    this.#guests.add(range);
    this.writes.tell(range);
    try {
      return await work();
    } finally {
      this.#guests.delete(range);
      this.#wake();
    }
  }

  /** The transport will never bring the data of this command. */
  abandon(command: Command): void {
    if (command.state === "admitted") this.#end(command);
    command.task.record = undefined;
  }

  /** Ends the command as `execution` says; resolved when it holds nothing any more. */
  abort(command: Command, execution: Execution): Promise<void> | undefined {
    if (command.state === "ended") return undefined;
    if (command.state === "running") return this.#interrupt(command, execution);
    command.abortedAs = execution;
    command.task.cancelled = true;
    const held = command.held;
    this.#end(command);
    held?.resolve(execution);
    return undefined;
  }

  /** Aborts every command that `execution` gives an end for. */
  async abortAll(execution: (command: Command) => Execution | undefined): Promise<void> {
    const endings: Promise<void>[] = [];
    // Nothing dormant may start because what it waited for was aborted: it may be the next to be aborted.
    this.#waking = true;
    for (const command of this.#commands) {
      const end = execution(command);
      const ending = end && this.abort(command, end);
      if (ending) endings.push(ending);
    }
    this.#waking = false;
    this.#wake();
    await Promise.all(endings);
  }

  #run(command: Command, dataOut: readonly Uint8Array[]): Execution | Promise<Execution> {
    command.state = "running";
    if (this.writes.isWatched && command.definition.access === "write") this.writes.tell(command);
    const { operation } = command.unit;
    let execution: Execution | Promise<Execution>;
    try {
      // Since it was admitted, FORMAT UNIT or SANITIZE may have begun.
      const injected = command.server.injector?.execute(command, dataOut);
      execution = injected ?? (operation && command.notReady) ?? command.definition.execute(command, dataOut);
    } catch (bug) {
      execution = command.fault(bug);
    }
    if (execution instanceof Promise) return this.#settle(command, execution);
    this.#end(command);
    return execution;
  }

  async #settle(command: Command, pending: Promise<Execution>): Promise<Execution> {
    if (!command.enrolled) this.#enrol(command);
    let execution: Execution;
    try {
      execution = await pending;
    } catch (bug) {
      execution = command.fault(bug);
    }
    this.#end(command);
    const { abortedAs } = command;
    // A reservation that came while its I/O was at the device came too late to stop it: it is done, or has failed half done.
    if (abortedAs === RESERVATION_CONFLICT) return execution;
    return abortedAs ?? execution;
  }

  #interrupt(command: Command, execution: Execution): Promise<void> {
    // Whoever aborts first decides how it ends; later ones only wait with the first.
    command.abortedAs ??= execution;
    const over = ended(command);
    if (!command.task.cancelled) {
      command.task.cancelled = true;
      command.task.onCancel?.();
    }
    return over;
  }

  #hold(command: Command, dataOut: readonly Uint8Array[]): Promise<Execution> {
    if (!command.enrolled) this.#enrol(command);
    const { promise, resolve } = Promise.withResolvers<Execution>();
    command.state = "dormant";
    command.held = { dataOut, resolve };
    this.#dormant++;
    return promise;
  }

  #enrol(command: Command): void {
    command.enrolled = true;
    this.#commands.add(command);
    if (!orders(command)) return;
    this.#ordering++;
    if (command.task.attribute === TaskAttribute.HEAD_OF_QUEUE) this.#headsOfQueue++;
  }

  #end(command: Command): void {
    if (command.state === "dormant") this.#dormant--;
    // A command that was aborted before its data came stays on its task: `execute` will ask how it ended.
    if (command.state !== "admitted") command.task.record = undefined;
    command.state = "ended";
    command.held = undefined;
    if (command.enrolled) this.#leave(command);
    if (command.onEnd) for (const ended of command.onEnd) ended();
  }

  #leave(command: Command): void {
    this.#commands.delete(command);
    if (orders(command)) {
      this.#ordering--;
      if (command.task.attribute === TaskAttribute.HEAD_OF_QUEUE) this.#headsOfQueue--;
    }
    this.#wake();
  }

  /** SAM-5 8.7 to 8.9, for one command. */
  #mayRun(command: Command): boolean {
    if (this.#fenced(command)) return false;
    for (const runnable of this.#runnable()) if (runnable === command) return true;
    return !command.enrolled;
  }

  /** Starts the dormant commands whose turn has come; starting one may end it at once and free others. */
  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    for (let started = true; started && this.#dormant > 0; ) {
      started = false;
      for (const command of this.#runnable()) {
        if (command.state !== "dormant" || this.#fenced(command)) continue;
        this.#start(command);
        started = true;
      }
    }
    this.#waking = false;
  }

  #start(command: Command): void {
    const { held } = command;
    this.#dormant--;
    if (held === undefined) return;
    // Commands enter the enabled state here, so reservations made since they came count (SPC-4 5.13.1).
    held.resolve(command.conflict ? this.#refuse(command) : this.#run(command, held.dataOut));
  }

  #refuse(command: Command): Execution {
    command.state = "running";
    this.#end(command);
    return RESERVATION_CONFLICT;
  }

  #runningAtomic(range: BlockRange): Command | undefined {
    if (this.#ordering === 0) return undefined;
    for (const command of this.#commands) {
      if (command.atomic && command.state === "running" && overlap(command, range)) return command;
    }
    return undefined;
  }

  /**
   * Whether the command has to wait because it, or another on the same blocks, is atomic. It waits
   * for those that run, and for older ones that wait: so none waits for ever, and none for each
   * other. HEAD OF QUEUE passes those that wait, since they wait for it.
   */
  #fenced(command: Command): boolean {
    const { atomic } = command;
    const passes = command.task.attribute === TaskAttribute.HEAD_OF_QUEUE || !command.enrolled;
    if (atomic) for (const guest of this.#guests) if (overlap(command, guest)) return true;
    let older = true;
    for (const other of this.#commands) {
      if (other === command) older = false;
      else if (overlap(command, other) && (atomic || other.atomic)) {
        if (other.state === "running") return true;
        if (older && !passes && other.state === "dormant" && other.atomic) return true;
      }
    }
    return false;
  }

  /**
   * The commands that are in, or may enter, the enabled state: HEAD OF QUEUE always; ORDERED when
   * it is the oldest and no HEAD OF QUEUE is there; SIMPLE when no older ORDERED and no HEAD OF QUEUE is.
   */
  *#runnable(): Generator<Command> {
    let oldest = true;
    let behindOrdered = false;
    for (const command of this.#commands) {
      const { attribute } = command.task;
      if (attribute === TaskAttribute.HEAD_OF_QUEUE) yield command;
      else if (this.#headsOfQueue === 0 && !behindOrdered && (attribute !== TaskAttribute.ORDERED || oldest))
        yield command;
      if (attribute === TaskAttribute.ORDERED) behindOrdered = true;
      oldest = false;
      if (behindOrdered && this.#headsOfQueue === 0) return;
    }
  }
}

function orders(command: Command): boolean {
  const { attribute } = command.task;
  if (attribute === TaskAttribute.ORDERED || attribute === TaskAttribute.HEAD_OF_QUEUE) return true;
  return command.atomic;
}

/** Resolved when it has ended. */
function ended(command: Command): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  command.onEnd ??= [];
  command.onEnd.push(resolve);
  return promise;
}

function twice(command: Command): never {
  throw new Error(`The transport executes a ${command.definition.cdb.name} for the second time.`);
}
