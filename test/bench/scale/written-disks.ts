/** Rows of what is written, copied and moved: disks of some hundred mebibytes that hold data. */
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { startTarget } from "../../helpers/target-command.ts";
import { fill, fillInTurns, iscsiPerf, qemuBench } from "../initiators.ts";
import { iscsiLoad } from "../load/iscsi-load.ts";
import { holding } from "../open-things.ts";
import type { Pair, ScaleGroup, ScaleRow } from "./row.ts";
import { ScaleLab } from "./scale-lab.ts";
import { inTurns, median, timed } from "./timing.ts";

const MIB = 2 ** 20;
const SIZE_MIB = 512;
/** Segments that are written in each round of the rows of shared segments. */
const SHARED = 32;
const SNAPSHOTS = 64;

const SEQUENTIAL: ScaleRow = {
  name: "sequential first write to a thin disk, 1 MiB, depth 4",
  unit: "ms",
  against: "mapped segments",
  atMost: 1.5,
};
const FIRST_SHARED: ScaleRow = {
  name: "first write to a shared 1 MiB segment",
  unit: "ms",
  against: "1 MiB and two fdatasync",
  atMost: 3,
};
const SHARED_BY_MANY: ScaleRow = {
  name: "first write to a segment that 64 snapshots share",
  unit: "ms",
  against: "one shares it",
  atMost: 2,
};
const TABLE: ScaleRow = {
  name: "4 KiB read through a table, depth 32",
  unit: "µs",
  against: "a plain file",
  atMost: 1.05,
};
const MIGRATION: ScaleRow = { name: "migration of 512 MiB", unit: "ms", against: "cp and sync", atMost: 2 };
const FOREGROUND: ScaleRow = {
  name: "4 KiB reads meanwhile: 99th percentile",
  unit: "ms",
  against: "idle",
  atMost: 5,
};

export const WRITTEN_DISKS: ScaleGroup = {
  start: () => ScaleLab.start({ pools: { main: ["4GiB"], other: ["1GiB"] }, disks: {} }),
  parts: [
    // First: its agent has done as little as the target that it is held against.
    { rows: [TABLE], measure: readsThroughTable },
    { rows: [SEQUENTIAL], measure: sequentialWrites },
    { rows: [FIRST_SHARED, SHARED_BY_MANY], measure: sharedWrites },
    { rows: [MIGRATION, FOREGROUND], measure: migrations },
  ],
};

/** Two disks that nobody wrote to, in turns: a thin one, and one that has all of its segments from the beginning. */
async function sequentialWrites(lab: ScaleLab, rounds: number): Promise<Pair[]> {
  const write = (thick: boolean) => async (round: number) => {
    const name = `${thick ? "thick" : "thin"}-${round}`;
    await lab.createDisk(name, SIZE_MIB * MIB, thick ? { thick: true } : {});
    await lab.show(name);
    const url = await lab.url(name);
    // Its mapping is known when it begins; what is measured are writes.
    await qemuBench(url, { write: false, bytes: 4096, depth: 1, count: 1, step: MIB });
    const ms = await timed(() => fill(url, SIZE_MIB));
    await hide(lab, name);
    return ms;
  };
  return [await inTurns(rounds, write(true), write(false))];
}

async function sharedWrites(lab: ScaleLab, rounds: number): Promise<Pair[]> {
  await lab.createDisk("shared", 2 * SHARED * (rounds + 1) * MIB);
  await lab.show("shared");
  const url = await lab.url("shared");
  await fill(url, 2 * SHARED * (rounds + 1));
  const file = await open(join(lab.lab.directory, "plain.img"), "w");
  try {
    const [plain, one, many]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round <= rounds; round += 1) {
      plain.push(await timed(() => plainWrites(file)));
      one.push(await firstWrites(lab, url, 1, 2 * round * SHARED));
      many.push(await firstWrites(lab, url, SNAPSHOTS, (2 * round + 1) * SHARED));
    }
    // What is compiled and cached in the first round is paid once.
    for (const times of [plain, one, many]) times.shift();
    const ours = median(one) / SHARED;
    return [
      { reference: median(plain) / SHARED, ours },
      { reference: ours, ours: median(many) / SHARED },
    ];
  } finally {
    await file.close();
    await hide(lab, "shared");
  }
}

/** Time of one write of 4 KiB to each of some segments that so many snapshots share with the disk. */
async function firstWrites(lab: ScaleLab, url: string, snapshots: number, first: number): Promise<number> {
  for (let at = 0; at < snapshots; at += 1) await lab.snapshot("shared", `shared-${at}`);
  const ms = await segmentsWritten(url, first);
  for (let at = 0; at < snapshots; at += 1) await lab.deleteDisk(`shared-${at}`);
  return ms;
}

async function segmentsWritten(url: string, first: number): Promise<number> {
  const run = { write: true, bytes: 4096, depth: 1, count: SHARED, step: MIB, offset: first * MIB };
  return (await qemuBench(url, run)) * 1000;
}

const DATA = Buffer.alloc(MIB, 0x5a);

async function plainWrites(file: Awaited<ReturnType<typeof open>>): Promise<void> {
  for (let at = 0; at < SHARED; at += 1) {
    // A half before each, so that both have something to do.
    for (const half of [0, 1]) {
      await file.write(DATA, 0, MIB / 2, at * MIB + (half * MIB) / 2);
      await file.datasync();
    }
  }
}

/** Mean time of a read, from the rate. */
async function readsThroughTable(lab: ScaleLab, rounds: number): Promise<Pair[]> {
  // In the pool whose image is about as large as the plain file: the page cache finds a page of a larger one by a longer way.
  await lab.createDisk("table", SIZE_MIB * MIB, { pool: "other" });
  await lab.show("table");
  const url = await lab.url("table");
  const image = join(lab.lab.directory, "table.img");
  const pair = await holding(
    () => startTarget(`${image},size=${SIZE_MIB}MiB`),
    async (target) => {
      await fillInTurns([url, target.url], SIZE_MIB);
      const reads = (each: string) => async () => 1e6 / (await iscsiPerf(each, { bytes: 4096, depth: 32, seconds: 2 }));
      return inTurns(rounds + 2, reads(target.url), reads(url));
    },
  );
  await rm(image, { force: true });
  await hide(lab, "table");
  return [pair];
}

async function migrations(lab: ScaleLab, rounds: number): Promise<Pair[]> {
  await lab.createDisk("moving", SIZE_MIB * MIB);
  await lab.show("moving");
  const url = await lab.url("moving");
  await fill(url, SIZE_MIB);
  const [source, copy] = ["source.img", "copy.img"].map((name) => join(lab.lab.directory, name)) as [string, string];
  await execa("dd", ["if=/dev/urandom", `of=${source}`, "bs=1M", `count=${SIZE_MIB}`, "conv=fsync"]);
  const [copies, moves, idle, busy]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 0; round <= rounds; round += 1) {
    await execa("sync", ["-f", lab.lab.directory]);
    copies.push(await timed(() => copied(source, copy)));
    moves.push(await timed(() => migrated(lab, round % 2 === 0 ? "other" : "main")));
    idle.push((await iscsiLoad(url, { depth: 1, seconds: 2 })).p99Us / 1000);
    // As long as it is sure to run.
    const moving = migrated(lab, round % 2 === 0 ? "main" : "other");
    busy.push((await iscsiLoad(url, { depth: 1, seconds: 1 })).p99Us / 1000);
    await moving;
    await migrated(lab, round % 2 === 0 ? "other" : "main");
  }
  // The first round compiles, and is the first to use its memory.
  for (const times of [copies, moves, idle, busy]) times.shift();
  return [
    { reference: median(copies), ours: median(moves) },
    { reference: median(idle), ours: median(busy) },
  ];
}

async function copied(source: string, copy: string): Promise<void> {
  await rm(copy, { force: true });
  await execa("cp", ["--reflink=never", source, copy]);
  await execa("sync", [copy]);
}

async function migrated(lab: ScaleLab, pool: string): Promise<void> {
  const { id } = await lab.api.post<{ id: string }>("/operations", { kind: "migrate", disk: "moving", pool });
  for (;;) {
    const { state, problem } = await lab.api.get<{ state: string; problem: string | null }>(`/operations/${id}`);
    if (state === "done") return;
    if (state !== "running") throw new Error(`The migration has ${state}: ${problem}`);
    await sleep(10);
  }
}

async function hide(lab: ScaleLab, disk: string): Promise<void> {
  await lab.api.delete(`/exports/outside/${disk}`);
  await lab.deleteDisk(disk);
}
