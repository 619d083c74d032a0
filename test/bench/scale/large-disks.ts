/** Rows of disks that are large and mapped to their last segment: 16 TiB, 1 TiB and 1 GiB in sparse images. */
import { setTimeout as sleep } from "node:timers/promises";
import { qemuBench } from "../initiators.ts";
import { iscsiLoad, type Load } from "../load/iscsi-load.ts";
import { holding } from "../open-things.ts";
import { residentBytes } from "../process-cost.ts";
import { controllerStart } from "./controller-start.ts";
import { mapFully } from "./fully-mapped.ts";
import type { Pair, ScaleGroup, ScaleRow } from "./row.ts";
import { ScaleLab } from "./scale-lab.ts";
import { inTurns, median, timed } from "./timing.ts";

const GIB = 2 ** 30;
const TIB = 2 ** 40;
const SNAPSHOTS = 64;
const LOAD = { depth: 16, writes: 100 };
const CHUNK_BYTES = GIB;

const CREATE: ScaleRow = { name: "create a 16 TiB thin disk", unit: "ms", against: "a 1 GiB one", atMost: 2 };
const MEMORY: ScaleRow = {
  name: "agent's memory for a fully mapped 16 TiB table",
  unit: "MiB",
  against: "the agent before",
  atMost: 200,
  isDifference: true,
};
const UNDER_WRITES: ScaleRow = {
  name: "snapshot of a mapped 1 TiB disk under 4 KiB writes, depth 16",
  unit: "ms",
  against: "a 1 GiB one",
  atMost: 2,
};
const HOLD: ScaleRow = {
  name: "longest that a snapshot of it may have held a write",
  unit: "ms",
  against: "99th percentile without",
  atMost: 10,
};
const SNAPSHOT: ScaleRow = { name: "snapshot of a mapped 16 TiB disk", unit: "ms", against: "a 1 GiB one", atMost: 3 };
const START: ScaleRow = {
  name: "controller start: 16 TiB mapped, 64 snapshots",
  unit: "ms",
  against: "an empty store",
  atMost: 3,
};

export const LARGE_DISKS: ScaleGroup = {
  start: async () => {
    const lab = await ScaleLab.start({
      pools: { main: Array.from({ length: 18 }, () => "1TiB") },
      disks: {
        large: { pool: "main", size: "16TiB" },
        middle: { pool: "main", size: "1TiB" },
        small: { pool: "main", size: "1GiB" },
      },
    });
    try {
      await lab.stop();
      await mapFully(lab.state, ["large", "middle", "small"]);
      await lab.startAgain();
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  },
  parts: [
    { rows: [CREATE], measure: createTimes },
    { rows: [MEMORY], measure: tableMemory },
    { rows: [UNDER_WRITES, HOLD], measure: snapshotsUnderWrites },
    { rows: [SNAPSHOT], measure: snapshotTimes },
    // The lab is down behind it.
    { rows: [START], measure: startTimes },
  ],
};

async function createTimes(lab: ScaleLab, rounds: number): Promise<Pair[]> {
  const create = (sizeBytes: number) => async (round: number) => {
    const name = `new-${sizeBytes}-${round}`;
    const ms = await timed(() => lab.createDisk(name, sizeBytes));
    await lab.deleteDisk(name);
    return ms;
  };
  return [await inTurns(rounds * 3, create(GIB), create(16 * TIB))];
}

/** Every chunk of the table is fetched by a read from it. */
async function tableMemory(lab: ScaleLab): Promise<Pair[]> {
  const pid = await lab.agentPid();
  const reference = residentBytes(pid) / 2 ** 20;
  const count = (16 * TIB) / CHUNK_BYTES;
  const read = { write: false, bytes: 4096, depth: 16, count, step: CHUNK_BYTES };
  await qemuBench(await lab.url("large"), read);
  // An agent that is idle gives back what a burst has left (docs/performance.md, Memory).
  await sleep(12_000);
  return [{ reference, ours: residentBytes(pid) / 2 ** 20 }];
}

async function snapshotsUnderWrites(lab: ScaleLab, rounds: number): Promise<Pair[]> {
  const urls = { small: await lab.url("small"), middle: await lab.url("middle") };
  // What is mapped is fetched first.
  for (const url of Object.values(urls)) await iscsiLoad(url, { ...LOAD, seconds: 4 });
  const alone: Load[] = [];
  const times: Record<keyof typeof urls, number[]> = { small: [], middle: [] };
  for (let round = 0; round < rounds; round += 1) {
    alone.push(await iscsiLoad(urls.middle, { ...LOAD, seconds: 2 }));
    for (const disk of ["small", "middle"] as const) times[disk].push(await snapshotUnderWrites(lab, disk, urls[disk]));
  }
  const p99 = median(alone.map(({ p99Us }) => p99Us)) / 1000;
  // No write is held for it longer than it takes: what waits longer waits for a copy, which a write to a shared segment makes.
  return [
    { reference: median(times.small), ours: median(times.middle) },
    { reference: p99, ours: Math.max(...times.middle) },
  ];
}

async function snapshotUnderWrites(lab: ScaleLab, disk: string, url: string): Promise<number> {
  const load = iscsiLoad(url, { ...LOAD, seconds: 2 });
  await sleep(1000);
  const ms = await timed(() => lab.snapshot(disk, `${disk}-snapshot`));
  await load;
  await lab.deleteDisk(`${disk}-snapshot`);
  return ms;
}

async function snapshotTimes(lab: ScaleLab, rounds: number): Promise<Pair[]> {
  const snapshot = (disk: string) => async () => {
    const ms = await timed(() => lab.snapshot(disk, `${disk}-snapshot`));
    await lab.deleteDisk(`${disk}-snapshot`);
    return ms;
  };
  return [await inTurns(rounds, snapshot("small"), snapshot("large"))];
}

async function startTimes(lab: ScaleLab, rounds: number): Promise<Pair[]> {
  for (let at = 0; at < SNAPSHOTS; at += 1) await lab.snapshot("large", `large-${at}`);
  await lab.stop();
  return holding(
    () => ScaleLab.start({ pools: {}, disks: {} }),
    async (empty) => {
      await empty.stop();
      const start = (state: string) => () => controllerStart(state);
      return [await inTurns(rounds, start(empty.state), start(lab.state))];
    },
  );
}
