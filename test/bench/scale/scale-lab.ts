/** A lab for rows of scale: brought up by the command line, asked by its HTTP API, so that no start of a program is in the figures. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiClient } from "sanlab/api/client.ts";
import { external, TestLab } from "../../helpers/lab.ts";
import { MAPPED_INITIATORS } from "../../helpers/mapped-disk.ts";

const REMOVAL_LIMIT_MS = 900_000;

export interface ScaleLabOptions {
  /** Sizes of devices, by pool. */
  readonly pools: Readonly<Record<string, readonly string[]>>;
  readonly disks: Readonly<Record<string, { readonly pool: string; readonly size: string; readonly thick?: true }>>;
}

export class ScaleLab {
  readonly lab: TestLab;
  readonly state: string;
  readonly api: ApiClient;

  private constructor(lab: TestLab) {
    this.lab = lab;
    this.state = join(lab.directory, "state");
    this.api = new ApiClient(this.state);
  }

  static async start(options: ScaleLabOptions): Promise<ScaleLab> {
    const scale = new ScaleLab(new TestLab(await mkdtemp(join(tmpdir(), "sanlab-scale-"))));
    try {
      await scale.lab.up(definition(options));
      return scale;
    } catch (error) {
      await scale.close();
      throw error;
    }
  }

  /** Everything ends; what it holds stays. */
  async stop(): Promise<void> {
    await this.lab.must("down");
  }
  async startAgain(): Promise<void> {
    await this.lab.must("up", this.lab.file);
  }

  async agentPid(name = "a"): Promise<number> {
    return (await this.lab.agents()).find((agent) => agent.name === name)?.pid ?? 0;
  }

  url(disk: string, agent = "a"): Promise<string> {
    return this.lab.url(disk, agent);
  }

  /** Images that were written to here and there are taken apart by the file system for minutes. */
  async close(): Promise<void> {
    await this.lab.run(["down", "--destroy"], { timeoutMs: REMOVAL_LIMIT_MS });
    await this.lab.destroy();
  }

  async createDisk(name: string, sizeBytes: number, more: { pool?: string; thick?: true } = {}): Promise<void> {
    await this.api.post("/disks", { name, pool: "main", sizeBytes, ...more });
  }
  async deleteDisk(name: string): Promise<void> {
    await this.api.delete(`/disks/${name}`);
  }
  async snapshot(disk: string, name: string): Promise<void> {
    await this.api.post("/snapshots", { snapshots: [{ disk, name }] });
  }

  /** Hosts see these disks too. */
  async show(...disks: string[]): Promise<void> {
    const zones = await this.api.get<{ name: string; disks: string[] }[]>("/zones");
    const zone = zones.find(({ name }) => name === "all") as { name: string; disks: string[] };
    await this.api.put("/zones/all", { ...zone, disks: [...new Set([...zone.disks, ...disks])] });
    for (const disk of disks) await this.api.post("/exports", { host: "outside", disk });
  }
}

function definition({ pools, disks }: ScaleLabOptions): object {
  const names = Object.keys(disks);
  const host = { ...external("outside"), iqn: MAPPED_INITIATORS[0], disks: names };
  return {
    lab: "scale",
    pools: Object.fromEntries(
      Object.entries(pools).map(([pool, sizes]) => [
        pool,
        { segment: "1MiB", devices: sizes.map((size, at) => ({ path: `${pool}-${at}.img`, size })) },
      ]),
    ),
    disks,
    agents: { a: { portal: "127.0.0.1:0" } },
    hosts: { outside: host },
    zones: { all: { hosts: ["outside"], agents: ["a"], disks: names } },
  };
}
