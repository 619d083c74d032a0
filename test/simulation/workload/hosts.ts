/** Hosts: commands to logical units, on any path, each noted in the model and checked against it. */
import type { Initiation } from "node-iscsi-target/storage/block-device.ts";
import { Violation } from "../engine/violation.ts";
import type { HostWrite } from "../model/disks.ts";
import type { HostWork } from "../world/config.ts";
import type { Lab } from "../world/lab.ts";
import { type Command, cancel, type SimProcess, type SimUnit } from "../world/sim-agent.ts";
import { BLOCK_BYTES, putTag, SEGMENT_BLOCKS, tagOf } from "../world/sim-disk.ts";
import { diskBlocks, segmentsOfBlocks, unitBlock } from "../world/unit-blocks.ts";
import { checkReason, checkSynced, type Ending, isWithoutLease, type Request } from "./answers.ts";
import { swap } from "./swap.ts";

export class Hosts {
  readonly #lab: Lab;
  #left: number;
  underWay = 0;
  done = 0;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#left = lab.config.commands * lab.config.hosts;
    for (let host = 1; host <= lab.config.hosts; host += 1) this.#next(`host${host}`);
  }

  get isIdle(): boolean {
    return this.underWay === 0 && (this.#left === 0 || this.#lab.isMischiefOver);
  }

  #next(host: string): void {
    const { scheduler, chance, config } = this.#lab;
    scheduler.after(chance.delay(config.thinkMs), () => {
      if (this.#left === 0 || this.#lab.isMischiefOver) return;
      const path = this.#path();
      if (path === undefined) {
        // Nothing is there yet, or nothing is left: looked for again, but not for ever.
        if (chance.hit(0.05)) this.#left -= 1;
        scheduler.after(50, () => this.#next(host));
        return;
      }
      this.#left -= 1;
      const ended = this.#command(host, ...path);
      // A host has several commands under way at once.
      if (chance.hit(0.3)) this.#next(host);
      else void ended.then(() => this.#next(host));
    });
  }

  #path(): [SimProcess, SimUnit] | undefined {
    const { chance, processes } = this.#lab;
    const paths = [...processes.values()].flatMap((process) =>
      [...process.units.values()].map((unit): [SimProcess, SimUnit] => [process, unit]),
    );
    return paths.length === 0 ? undefined : chance.pick(paths);
  }

  #command(host: string, process: SimProcess, unit: SimUnit): Promise<Ending> {
    const { chance, config } = this.#lab;
    const drawn = chance.weighted<HostWork>(config.work);
    if (drawn === "sequence" && !unit.unit.readOnly) return this.#sequence(host, process, unit);
    const work =
      unit.unit.readOnly || drawn === "sequence"
        ? "read"
        : drawn === "cancel"
          ? chance.pick(["write", "zero", "read"] as const)
          : drawn;
    const [first, count] = work === "flush" ? [0, 0] : this.#range(unit.device.sizeBytes / BLOCK_BYTES, work);
    const by = `${work} by ${host} at ${process.name}`;
    const request: Request = { work, ...placed(unit, first, count), fua: chance.hit(0.2), by };
    const initiation: Initiation = { cancelled: false, onCancel: undefined };
    if (drawn === "cancel") {
      this.#lab.scheduler.after(chance.delay(5), () => process.deliver(() => cancel(initiation)));
    }
    const ended = this.issue(process, unit, request, initiation);
    if (work !== "read" && work !== "flush") this.#follow(host, process, unit, request, ended);
    return ended;
  }

  /** What is answered is looked at on every other path at once; and what is held may be overtaken by another write through the same agent. */
  #follow(host: string, process: SimProcess, unit: SimUnit, request: Request, ended: Promise<Ending>): void {
    const { chance, config, scheduler } = this.#lab;
    if (chance.hit(0.4)) void ended.then((ending) => isDone(ending) && this.#lookElsewhere(host, unit, request));
    if (chance.hit(0.8) || unit.unit.readOnly) return;
    scheduler.after(chance.delay(3 * config.networkMs), () => {
      if (this.#lab.isMischiefOver || !process.isAlive) return;
      const again: Request = { ...request, work: "write", by: `write by ${host} at ${process.name}, soon after` };
      const overtaking = this.issue(process, unit, again, { cancelled: false, onCancel: undefined });
      void overtaking.then((ending) => isDone(ending) && this.#lookElsewhere(host, unit, again));
    });
  }

  /** Through every other agent, and every other table of the disk. */
  #lookElsewhere(host: string, unit: SimUnit, { table, blocks: [block = 0], count }: Request): void {
    for (const process of this.#lab.processes.values()) {
      for (const other of process.units.values()) {
        const first = other.unit.table === table && other !== unit ? unitBlock(other.unit, block) : undefined;
        if (first === undefined) continue;
        const blocks = other.device.sizeBytes / BLOCK_BYTES;
        const by = `look by ${host} at ${process.name}`;
        const request: Request = {
          work: "read",
          ...placed(other, ...bounded(first, Math.min(count, 2), blocks)),
          fua: false,
          by,
        };
        void this.issue(process, other, request, { cancelled: false, onCancel: undefined });
      }
    }
  }

  /** Segment after segment, each when the one before is written: from the beginning, from near it, or over the border of a chunk. */
  async #sequence(host: string, process: SimProcess, unit: SimUnit): Promise<Ending> {
    const { chance } = this.#lab;
    const blocks = unit.device.sizeBytes / BLOCK_BYTES;
    const segments = Math.ceil(blocks / SEGMENT_BLOCKS);
    const first = Math.min(chance.pick([0, 0, 3, 1018]), segments - 1);
    const end = Math.min(segments, first + chance.pick([4, 6, 10]));
    const by = `sequence by ${host} at ${process.name}`;
    let ending: Ending = { kind: "ok" };
    for (let segment = first; segment < end && ending !== "died" && ending.kind === "ok"; segment += 1) {
      const block = segment * SEGMENT_BLOCKS + chance.pick([0, 0, SEGMENT_BLOCKS - 2]);
      const [start, count] = bounded(block, chance.pick([1, 2]), blocks);
      const request: Request = { work: "write", ...placed(unit, start, count), fua: false, by };
      ending = await this.issue(process, unit, request, { cancelled: false, onCancel: undefined });
    }
    return ending;
  }

  /** Few places, so that hosts meet: the first, a middle and the last block of few segments. */
  #range(blocks: number, work: Request["work"]): [first: number, count: number] {
    const { chance, config } = this.#lab;
    const segments = Math.ceil(blocks / SEGMENT_BLOCKS);
    const hot = chance.below(Math.min(config.hotSegments, segments));
    // The far half lies around the border of two chunks of the table, where the disk is that large.
    const segment = segments > 1026 && chance.hit(0.5) ? 1024 - Math.ceil(config.hotSegments / 2) + hot : hot;
    const start = segment * SEGMENT_BLOCKS;
    if (work === "unmap" || chance.hit(0.05)) {
      const count = SEGMENT_BLOCKS * chance.pick([1, 1, 1, 2, 4]) + chance.pick([0, 0, 0, 1, 20]);
      return bounded(start + (chance.hit(0.2) ? chance.pick([-1, 1]) : 0), count, blocks);
    }
    const place = chance.pick([0, 60, SEGMENT_BLOCKS - 1]);
    return bounded(start + place, chance.pick([1, 1, 1, 2]), blocks);
  }

  issue(process: SimProcess, unit: SimUnit, request: Request, initiation: Initiation): Promise<Ending> {
    const { scheduler } = this.#lab;
    scheduler.note(`${request.by}: ${request.first}+${request.count} of ${unit.unit.name} of ${request.table}`);
    const start = scheduler.tick();
    const since = process.asked.since(request.table, segmentsOfBlocks(request.blocks), start);
    const write = this.#begin(request, start);
    if (request.work === "read") this.#lab.model.reads.add(start);
    this.underWay += 1;
    const { promise: ended, resolve } = Promise.withResolvers<Ending>();
    const buffer = new Uint8Array(request.work === "read" ? request.count * BLOCK_BYTES : 0);
    const command: Command = { initiation, ended, died: () => end("died") };
    unit.commands.add(command);
    process.commands.add(command);
    const written = request.work === "flush" ? this.#lab.orders() : undefined;
    const end = (ending: Ending) => {
      if (!process.commands.delete(command)) return;
      if (isDone(ending) && !process.mayServe)
        this.#lab.fail(new Violation("lease", `${request.by} has succeeded without one`));
      if (written !== undefined && isDone(ending)) this.#lab.guard(() => checkSynced(this.#lab, request, written));
      unit.commands.delete(command);
      this.#lab.model.reads.delete(start);
      this.underWay -= 1;
      this.done += 1;
      this.#lab.guard(() => {
        checkReason(this.#lab, request, since, ending);
        this.#ended(request, write, start, ending, buffer);
      });
      resolve(ending);
    };
    process.deliver(() => {
      const completion = this.#perform(process, unit, request, write, buffer, initiation);
      Promise.resolve(completion).then(end, (error: unknown) => this.#lab.bug(process.name, error));
    });
    return ended;
  }

  #begin(request: Request, start: number): HostWrite | undefined {
    const { work, table, blocks, by } = request;
    if (work === "read" || work === "flush") return undefined;
    return this.#lab.model.begin(table, blocks, work !== "write" && work !== "swap", start, by);
  }

  #perform(
    process: SimProcess,
    unit: SimUnit,
    request: Request,
    write: HostWrite | undefined,
    buffer: Uint8Array,
    initiation: Initiation,
  ) {
    const { device } = unit;
    const { table, blocks, first, count, fua } = request;
    const context = { table, unit: unit.unit.id, blocks };
    const options = { fua };
    this.#lab.contexts.set(options, context);
    switch (request.work) {
      case "read":
        this.#lab.contexts.set(buffer.buffer, context);
        return device.read(first * BLOCK_BYTES, buffer, initiation);
      case "write": {
        const data = tagged(write, count);
        this.#lab.contexts.set(data.buffer, context);
        return device.write(first * BLOCK_BYTES, [data], options, initiation);
      }
      case "swap":
        return swap(this.#lab, { process, unit, first, blocks, data: tagged(write, count), fua }, initiation);
      case "zero":
        return device.writeZeroes(first * BLOCK_BYTES, count * BLOCK_BYTES, options, initiation);
      case "unmap":
        return device.unmap(first * BLOCK_BYTES, count * BLOCK_BYTES, initiation);
      case "flush":
        return device.flush(initiation);
    }
  }

  #ended(request: Request, write: HostWrite | undefined, start: number, ending: Ending, buffer: Uint8Array): void {
    const { model, scheduler } = this.#lab;
    const now = scheduler.tick();
    const kind = ending === "died" ? ending : ending.kind;
    scheduler.note(`${request.by}: ${kind}`);
    if (kind === "ok") {
      this.#lab.failures.checkPassed(request.table, segmentsOfBlocks(request.blocks), start, request.by);
      if (request.work === "read") this.#check(request, start, now, buffer);
      if (request.work === "flush") model.flushed(request.table, start);
      if (write !== undefined) model.acknowledged(write, now, request.fua && request.work !== "unmap");
      return;
    }
    if (write === undefined) return;
    // What was refused or cancelled while it was held has touched nothing; but of zeros some segments may have been given back before.
    const isUntouched = kind === "cancelled" || (kind === "reported" && !isWithoutLease(ending));
    if (isUntouched && request.work !== "unmap" && request.work !== "zero") model.withdrawn(write);
    // An unmap that its agent had sent may still be carried out.
    else model.lost(write, request.work === "unmap" ? Number.POSITIVE_INFINITY : now);
  }

  #check({ table, blocks, by }: Request, start: number, end: number, buffer: Uint8Array): void {
    for (const [at, block] of blocks.entries())
      this.#lab.model.checkRead(table, block, tagOf(buffer, at * BLOCK_BYTES), start, end, by);
  }

  /** Reads on every path all that was ever written. */
  async readAll(): Promise<void> {
    for (const process of this.#lab.processes.values()) {
      for (const unit of process.units.values()) {
        for (const segment of this.#lab.touchedSegments(unit.unit.table)) {
          const start = unitBlock(unit.unit, segment * SEGMENT_BLOCKS);
          if (start === undefined) continue;
          const [first, count] = bounded(start, SEGMENT_BLOCKS, unit.device.sizeBytes / BLOCK_BYTES);
          const by = `last read at ${process.name}`;
          const request: Request = { work: "read", ...placed(unit, first, count), fua: false, by };
          await this.issue(process, unit, request, { cancelled: false, onCancel: undefined });
        }
      }
    }
  }
}

function isDone(ending: Ending): boolean {
  return ending !== "died" && ending.kind === "ok";
}

function placed(
  { unit }: SimUnit,
  first: number,
  count: number,
): Pick<Request, "first" | "count" | "table" | "blocks"> {
  return { first, count, table: unit.table, blocks: diskBlocks(unit, first, count) };
}

/** What a write of the model has in each of its blocks. */
function tagged(write: HostWrite | undefined, count: number): Uint8Array {
  const data = new Uint8Array(count * BLOCK_BYTES);
  for (const [at, { tag }] of (write?.writes ?? []).entries()) putTag(data, at * BLOCK_BYTES, tag);
  return data;
}

function bounded(first: number, count: number, blocks: number): [first: number, count: number] {
  const start = Math.min(Math.max(first, 0), blocks - 1);
  return [start, Math.max(1, Math.min(count, blocks - start))];
}
