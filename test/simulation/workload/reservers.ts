/**
 * Initiators that take disks from each other by PREEMPT, through any agent, and write through any agent
 * meanwhile: who was preempted writes nothing any more from the answer on (docs/protocol.md, Distributed
 * SCSI semantics), until he registers again.
 */
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { ReserveOutList } from "node-iscsi-target/scsi/reservations/layouts.ts";
import type { HostWrite } from "../model/disks.ts";
import type { Lab } from "../world/lab.ts";
import type { Answer } from "../world/scsi-port.ts";
import type { SimProcess, SimUnit } from "../world/sim-agent.ts";
import { BLOCK_BYTES, putTag, SEGMENT_BLOCKS } from "../world/sim-disk.ts";
import { diskBlocks } from "../world/unit-blocks.ts";

const KEYS: ReadonlyMap<string, bigint> = new Map([
  ["iqn.2026-11.example:one", 0x11n],
  ["iqn.2026-11.example:two", 0x22n],
]);
const INITIATORS = [...KEYS.keys()];
/** WRITE EXCLUSIVE, REGISTRANTS ONLY (SPC-4 table 221). */
const REGISTRANTS_ONLY = 5;
/** Mean times between two who take a disk, and between two writes of an initiator. */
const TURN_MS = 60;
const WRITE_MS = 15;
/** In a segment, where nobody else writes single blocks. */
const BLOCK = 30;

type Path = readonly [SimProcess, SimUnit];

export class Reservers {
  readonly #lab: Lab;
  /** Disks that somebody is just taking. */
  readonly #contested = new Set<string>();
  underWay = 0;

  constructor(lab: Lab) {
    this.#lab = lab;
    if (!lab.config.reserves) return;
    this.#nextTurn();
    for (const initiator of INITIATORS) this.#nextWrite(initiator);
  }

  get isIdle(): boolean {
    return this.underWay === 0;
  }

  #nextTurn(): void {
    const { scheduler, chance } = this.#lab;
    scheduler.after(chance.delay(TURN_MS), () => {
      if (this.#lab.isMischiefOver) return;
      const path = this.#path();
      if (path !== undefined && !this.#contested.has(path[1].unit.id))
        this.#lab.watch(this.#take(path, chance.pick(INITIATORS)));
      this.#nextTurn();
    });
  }

  #nextWrite(initiator: string): void {
    const { scheduler, chance } = this.#lab;
    scheduler.after(chance.delay(WRITE_MS), () => {
      if (this.#lab.isMischiefOver) return;
      const path = this.#path();
      if (path === undefined || this.underWay > 8) return this.#nextWrite(initiator);
      const written = this.#write(path, initiator);
      if (chance.hit(0.5)) this.#nextWrite(initiator);
      else void written.then(() => this.#nextWrite(initiator));
    });
  }

  #path(): Path | undefined {
    const paths = [...this.#lab.processes.values()].flatMap((process) =>
      [...process.units.values()].flatMap((unit): Path[] => (unit.unit.readOnly ? [] : [[process, unit]])),
    );
    return paths.length === 0 ? undefined : this.#lab.chance.pick(paths);
  }

  /** Registers, reserves where nobody has, and throws the other out. */
  async #take(path: Path, initiator: string): Promise<void> {
    const { id: unit } = path[1].unit;
    const other = INITIATORS.find((one) => one !== initiator) as string;
    const [key, theirs] = [KEYS.get(initiator) as bigint, KEYS.get(other) as bigint];
    this.#contested.add(unit);
    try {
      this.#lab.rules.letIn(unit, initiator);
      if ((await this.#reserve(path, initiator, cdbs.RegisterAndIgnore, 0n, key)) !== "good") return;
      await this.#reserve(path, initiator, cdbs.Reserve, key, 0n);
      if ((await this.#reserve(path, initiator, cdbs.Preempt, key, theirs)) !== "good") return;
      this.#lab.scheduler.note(`${initiator} has ${unit} alone`);
      this.#lab.guard(() => this.#lab.rules.threwOut(unit, other));
    } finally {
      this.#contested.delete(unit);
    }
  }

  /** PERSISTENT RESERVE OUT, again where a unit attention comes first. */
  async #reserve(
    path: Path,
    initiator: string,
    layout: typeof cdbs.Reserve | typeof cdbs.RegisterAndIgnore,
    key: bigint,
    newKey: bigint,
  ): Promise<Answer | "died"> {
    const list = ReserveOutList.encode({ key, newKey, specifyPorts: 0, allTargetPorts: 1, persistent: 0 });
    const cdb = (layout as typeof cdbs.Reserve).encode({ listBytes: list.length } as never);
    cdb[0] = layout.opcode;
    cdb[1] = (cdb[1] ?? 0) | (layout.serviceAction ?? 0);
    cdb[2] = REGISTRANTS_ONLY;
    for (;;) {
      this.#lab.scheduler.note(`${initiator}: ${layout.name} to ${path[1].unit.id} at ${path[0].name}`);
      const answer = await this.#send(path, initiator, cdb, list);
      this.#lab.scheduler.note(`${initiator}: ${layout.name} at ${path[0].name}: ${answer}`);
      if (answer !== "attention") return answer;
    }
  }

  async #write(path: Path, initiator: string): Promise<void> {
    const { chance, config, model, scheduler, contexts } = this.#lab;
    const [process, { unit, device }] = path;
    const segments = Math.ceil(device.sizeBytes / BLOCK_BYTES / SEGMENT_BLOCKS);
    const block = SEGMENT_BLOCKS * chance.below(Math.min(config.hotSegments, segments)) + BLOCK;
    const blocks = diskBlocks(unit, block, 1);
    const by = `write by ${initiator} at ${process.name}`;
    const write = model.begin(unit.table, blocks, false, scheduler.tick(), by);
    const data = new Uint8Array(BLOCK_BYTES);
    putTag(data, 0, write.writes[0]?.tag as number);
    contexts.set(data.buffer, { table: unit.table, unit: unit.id, blocks, initiator });
    const cdb = cdbs.Write10.encode({ lba: block, blocks: 1 } as never);
    cdb[0] = cdbs.Write10.opcode;
    scheduler.note(`${by}: ${block} of ${unit.id}`);
    const answer = await this.#send(path, initiator, cdb, data);
    scheduler.note(`${by}: ${answer}`);
    this.#wrote(write, answer);
  }

  #wrote(write: HostWrite, answer: Answer | "died"): void {
    const { model, scheduler } = this.#lab;
    const now = scheduler.tick();
    if (answer === "good") model.acknowledged(write, now, false);
    else if (answer === "conflict" || answer === "attention") model.withdrawn(write);
    else model.lost(write, now);
  }

  #send([process, unit]: Path, initiator: string, cdb: Uint8Array, data: Uint8Array): Promise<Answer | "died"> {
    if (!process.isAlive) return Promise.resolve("died");
    const { promise, resolve } = Promise.withResolvers<Answer | "died">();
    const task = process.port.task(initiator, unit.unit.id, cdb, data.length);
    this.underWay += 1;
    const command = { initiation: task, ended: promise, died: () => end("died") };
    process.commands.add(command);
    const end = (answer: Answer | "died") => {
      if (!process.commands.delete(command)) return;
      this.underWay -= 1;
      resolve(answer);
    };
    process.deliver(() => {
      process.port.run(task, data).then(end, (error: unknown) => this.#lab.bug(process.name, error));
    });
    return promise;
  }
}
