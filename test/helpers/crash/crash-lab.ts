/**
 * A disk that two initiators write to through two agents, one of them through a further table of it, with
 * snapshots and migrations, while processes are killed at moments that a seed chooses. After each death all is looked at: the
 * disk and a snapshot through an agent, by QEMU's initiator, and the tables by the checker.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CheckReport, Pool } from "@sanlab/controller/api/resources.ts";
import type { ExecutionContext } from "ava";
import { execa } from "execa";
import { Chance } from "../../simulation/engine/chance.ts";
import { imageOptions } from "../qemu-io.ts";
import { Administrator, DISK } from "./administrator.ts";
import { Daemons, iqnOf } from "./daemons.ts";
import { DiskModel, type Surety } from "./disk-model.ts";
import { Initiator } from "./initiator.ts";
import { load } from "./load.ts";
import { TURNED, turnedBack, turnedSector, turnedTable } from "./turned.ts";

const KIB = 1024;
export const AGENTS = ["a", "b"] as const;
/** The host that sees the further table; each goes through the agent of its name. */
const OF_TABLE = "b";
const SEGMENT = 128 * KIB;
const DISK_BYTES = 8 * KIB * KIB;
/** Room for the disk, one snapshot that shares nothing, and what is on its way. */
const DEVICE_BYTES = 32 * KIB * KIB;
/** From when the load begins until somebody dies, at most. */
const LIFE_MS = 250;

export interface CrashOptions {
  readonly seed: number;
  readonly surety: Surety;
  /** Where devices and tables are. */
  readonly directory: string;
  /** Between the deaths and the next lives. */
  readonly between?: () => Promise<void>;
}

export class CrashLab {
  readonly chance: Chance;
  readonly daemons: Daemons;
  readonly administrator: Administrator;
  readonly sums = { answered: 0, rounds: 0 };
  readonly #t: ExecutionContext;
  readonly #options: CrashOptions;
  readonly #model: DiskModel;
  readonly #scratch: string;
  readonly #chances: readonly Chance[];
  readonly #initiators = new Map<string, Initiator>();

  static async start(t: ExecutionContext, options: CrashOptions): Promise<CrashLab> {
    const scratch = await mkdtemp(join(tmpdir(), "sanlab-crash-"));
    t.teardown(() => rm(scratch, { recursive: true, force: true }));
    const daemons = new Daemons(t, options.directory, scratch, AGENTS);
    await daemons.start();
    const main = await createPool(daemons, "main", options.directory, 2);
    await createPool(daemons, "other", options.directory, 1);
    await daemons.api("POST", "/disks", { name: DISK, pool: "main", sizeBytes: DISK_BYTES });
    await daemons.api("POST", `/disks/${DISK}/tables`, turnedTable(DISK_BYTES / SEGMENT));
    for (const name of AGENTS) {
      await daemons.api("POST", "/hosts", { name, iqn: iqnOf(name) });
      const table = name === OF_TABLE ? { table: TURNED } : {};
      await daemons.api("POST", "/exports", { host: name, disk: DISK, ...table });
    }
    const lab = new CrashLab(t, options, scratch, daemons, main);
    await lab.#see(DISK);
    await lab.#logIn();
    t.teardown(() => lab.#logOut(AGENTS));
    return lab;
  }

  private constructor(
    t: ExecutionContext,
    options: CrashOptions,
    scratch: string,
    daemons: Daemons,
    { devices }: Pool,
  ) {
    this.#t = t;
    this.#options = options;
    this.#scratch = scratch;
    this.daemons = daemons;
    this.chance = new Chance(options.seed);
    this.#chances = AGENTS.map((_, at) => new Chance(options.seed + 1 + at));
    this.#model = new DiskModel(DISK_BYTES, options.surety);
    const numbers = devices.map(({ device }) => String(device));
    this.administrator = new Administrator(daemons, this.#model, new Chance(options.seed + 3), numbers);
  }

  /** Under load these die, are started again, and all is as it must be. */
  async round(victims: readonly string[]): Promise<void> {
    const { seed } = this.#options;
    try {
      await this.#round(victims);
    } catch (error) {
      const when = `seed ${seed}, round ${this.sums.rounds}, in which ${victims.join(" and ")} died`;
      throw new Error(`${when}: ${error instanceof Error ? error.message : error}\n${await this.daemons.log()}`);
    }
    this.sums.rounds += 1;
  }

  async #round(victims: readonly string[]): Promise<void> {
    let goesOn = true;
    const area = { bytes: DISK_BYTES, segmentBytes: SEGMENT, initiators: AGENTS.length };
    const loads = AGENTS.map((name, at) => {
      const chance = this.#chances[at] as Chance;
      const initiator = this.#initiators.get(name) as Initiator;
      return load(initiator, this.#model, { ...area, initiator: at }, chance, () => goesOn);
    });
    const work = Promise.all([this.administrator.act(), ...loads]);
    work.catch(() => undefined);
    await Promise.race([work, delay(this.chance.below(LIFE_MS))]);
    await this.#logOut(AGENTS.filter((name) => victims.includes(name)));
    await this.daemons.kill(victims);
    await this.#options.between?.();
    for (const name of victims) this.daemons.run(name);
    await this.daemons.ready();
    goesOn = false;
    const [, ...answered] = await work;
    this.sums.answered += answered.reduce((sum, count) => sum + count, 0);
    await this.#logIn();
    await this.#examine(this.chance.pick(AGENTS));
  }

  /** The disk through every agent, when nothing moves any more. */
  async finish(): Promise<void> {
    await this.administrator.settled();
    for (const agent of AGENTS) await this.#examine(agent);
    this.#t.deepEqual(await this.administrator.failed(), []);
  }

  async #examine(agent: string): Promise<void> {
    const seen = await this.#contents(agent, DISK, agent);
    const problems = this.#model.found(agent === OF_TABLE ? turnedBack(seen) : seen);
    if (problems.length > 0) throw new Error(`through agent ${agent}: ${problems.slice(0, 20).join("; ")}`);
    const snapshot = await this.administrator.snapshot();
    if (snapshot !== undefined) await this.#examineSnapshot(agent, snapshot);
    const { problems: damage } = (await this.daemons.api("POST", "/check")) as CheckReport;
    if (damage.length > 0) throw new Error(damage.map(({ message }) => message).join("; "));
  }

  async #examineSnapshot(
    agent: string,
    { name, view }: { readonly name: string; readonly view: { found: (contents: Buffer) => string[] } },
  ): Promise<void> {
    await this.#see(DISK, name);
    await this.daemons.api("POST", "/exports", { host: "a", disk: name });
    const problems = view.found(await this.#contents("a", name, agent));
    await this.daemons.api("DELETE", `/exports/a/${name}`);
    await this.#see(DISK);
    if (problems.length > 0)
      throw new Error(`snapshot ${name} through agent ${agent}: ${problems.slice(0, 20).join("; ")}`);
  }

  async #contents(host: string, disk: string, agent: string): Promise<Buffer> {
    const file = join(this.#scratch, "contents");
    const source = imageOptions(await this.daemons.url(host, disk, agent), iqnOf(host));
    await execa("qemu-img", ["convert", "--image-opts", source, "-O", "raw", file], { stdin: "ignore" });
    return readFile(file);
  }

  async #see(...disks: string[]): Promise<void> {
    await this.daemons.api("PUT", "/zones/all", { name: "all", hosts: AGENTS, agents: AGENTS, disks });
  }

  async #logIn(): Promise<void> {
    await Promise.all(
      AGENTS.filter((name) => !this.#initiators.has(name)).map(async (name) => {
        const url = await this.daemons.url(name, DISK, name);
        const place = (sector: number) => (name === OF_TABLE ? turnedSector(sector, DISK_BYTES) : sector);
        this.#initiators.set(name, await Initiator.logIn(url, iqnOf(name), this.#model, place));
      }),
    );
  }

  async #logOut(names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.#initiators.get(name)?.kill();
      this.#initiators.delete(name);
    }
  }
}

async function createPool(daemons: Daemons, name: string, directory: string, devices: number): Promise<Pool> {
  const paths = Array.from({ length: devices }, (_, at) => join(directory, `${name}-${at}.img`));
  return (await daemons.api("POST", "/pools", {
    name,
    segmentBytes: SEGMENT,
    devices: paths.map((path) => ({ path, sizeBytes: DEVICE_BYTES })),
  })) as Pool;
}
