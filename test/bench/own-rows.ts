/** What is measured of ours alone: against ourselves, or against a fixed limit. */

import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { MAPPED_INITIATORS } from "../helpers/mapped-disk.ts";
import { RawInitiator } from "../helpers/raw-initiator.ts";
import { type Ours, SIZE_MIB } from "./contenders.ts";
import { elsewhereCost, noFaultCost } from "./fault-cost.ts";
import { iscsiPerf } from "./initiators.ts";
import { digestLoad } from "./load/digest-load.ts";
import { iscsiLoad } from "./load/iscsi-load.ts";
import { withPageCacheOf } from "./memory-limit.ts";
import { cpuSeconds, residentBytes } from "./process-cost.ts";

const MIB = 1024 * 1024;
const READS = { bytes: 4096, depth: 32 };
const OF_MANY = { bytes: 4096, depth: 4 };
const IDLE_MS = 10_000;

export interface OwnRow {
  readonly name: string;
  readonly unit: string;
  /** The least, or where `isCost` the most, that is acceptable; undefined: for information. */
  readonly limit?: number;
  readonly isCost?: true;
  /** Taken before anything has used the agents. */
  readonly fresh?: true;
  readonly measure: (ours: Ours, seconds: number) => Promise<number>;
}

export const OWN_ROWS: readonly OwnRow[] = [
  {
    name: "idle agent: memory",
    unit: "MiB",
    limit: 120,
    isCost: true,
    fresh: true,
    measure: idleMemory,
  },
  { name: "idle agent: processor", unit: "%", limit: 0.5, isCost: true, measure: idleProcessor },
  {
    name: "4 KiB random read, depth 32: digests of headers and data against none",
    unit: "times",
    limit: 0.8,
    measure: digestCost,
  },
  {
    name: "two sessions to two agents on two disks against one",
    unit: "times",
    limit: cpus().length >= 4 ? 1.7 : 1.0,
    measure: twoAgents,
  },
  ...[1, 8, 64, 256].map(
    (sessions): OwnRow => ({
      name: `4 KiB random read, ${sessions} sessions of depth 4, together`,
      unit: "I/O/s",
      measure: async ({ url }, seconds) => (await iscsiLoad(url, { ...OF_MANY, sessions, seconds })).perSecond,
    }),
  ),
  ...[8, 64, 256].map(
    (sessions): OwnRow => ({
      name: `${sessions} sessions: the slowest against the mean`,
      unit: "times",
      limit: 0.5,
      measure: async ({ url }, seconds) => (await iscsiLoad(url, { ...OF_MANY, sessions, seconds })).slowest,
    }),
  ),
  {
    name: "reads that hit beside a session whose reads miss: 99th percentile against alone",
    unit: "times",
    limit: 10,
    isCost: true,
    measure: hitsBesideMisses,
  },
  {
    name: "CPU of a 4 KiB read, no fault set, against an agent without faults",
    unit: "times",
    limit: 1.05,
    isCost: true,
    measure: noFaultCost,
  },
  {
    name: "CPU of a 4 KiB read, a fault set for another disk, against none set",
    unit: "times",
    limit: 1.1,
    isCost: true,
    measure: elsewhereCost,
  },
  { name: "memory of an idle session (of 256)", unit: "KiB", limit: 256, isCost: true, measure: sessionMemory },
  { name: "from connection to the first read", unit: "ms", isCost: true, measure: firstRead },
];

/** Some time after every block of a disk was written through it. */
async function idleMemory({ second }: Ours): Promise<number> {
  await sleep(IDLE_MS + 2000);
  return residentBytes(second.pid) / MIB;
}

async function idleProcessor({ pid }: Ours): Promise<number> {
  const before = cpuSeconds(pid);
  await sleep(IDLE_MS);
  return ((cpuSeconds(pid) - before) * 100_000) / IDLE_MS;
}

async function digestCost({ url }: Ours, seconds: number): Promise<number> {
  const run = { depth: 32, seconds, mib: SIZE_MIB };
  const without = await digestLoad(url, { ...run, digests: false });
  return (await digestLoad(url, { ...run, digests: true })) / without;
}

async function twoAgents({ url, second }: Ours, seconds: number): Promise<number> {
  const alone = await iscsiPerf(url, { ...READS, seconds });
  const both = await Promise.all([url, second.url].map((each) => iscsiPerf(each, { ...READS, seconds })));
  return sum(both) / alone;
}

/** Two sessions of one agent: one reads a few mebibytes over and over, the other all of a disk that the page cache is too small for. */
async function hitsBesideMisses(ours: Ours, seconds: number): Promise<number> {
  const hits = () => iscsiLoad(ours.url, { depth: 4, mib: 8, seconds });
  const alone = await hits();
  const [beside] = await withPageCacheOf((SIZE_MIB / 4) * MIB, ours, async () => {
    // The pages were dropped, so that the first read of each misses: that alone was more than one of a hundred.
    await iscsiLoad(ours.url, { depth: 4, mib: 8, seconds: 1 });
    return Promise.all([hits(), iscsiLoad(ours.url, { depth: 32, seconds })]);
  });
  return beside.p99Us / alone.p99Us;
}

async function sessionMemory({ second }: Ours): Promise<number> {
  const sessions = 256;
  const before = residentBytes(second.pid);
  const ends: (() => void)[] = [];
  for (let at = 0; at < sessions; at += 1) await logIn(second.url, at, ends);
  await sleep(1000);
  const bytes = (residentBytes(second.pid) - before) / sessions;
  for (const end of ends) end();
  return bytes / 1024;
}

async function firstRead({ url }: Ours): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < 50; at += 1) {
    const ends: (() => void)[] = [];
    const began = performance.now();
    const initiator = await logIn(url, at, ends);
    initiator.command([0]);
    await initiator.receive();
    initiator.command([0x28, 0, 0, 0, 0, 0, 0, 0, 8], { readBytes: 4096 });
    await initiator.receive();
    times.push(performance.now() - began);
    for (const end of ends) end();
  }
  return times.toSorted((a, b) => a - b)[25] as number;
}

/** A session that says no more than it must; from this process, so that 256 of them cost their target and not the machine. */
async function logIn(url: string, at: number, ends: (() => void)[]): Promise<RawInitiator> {
  const { hostname, port, pathname } = new URL(url.replace("iscsi:", "http:"));
  const initiator = await RawInitiator.connect(
    { teardown: (end) => ends.push(end) },
    { host: hostname, port: Number(port) },
  );
  initiator.isid += at;
  await initiator.login({ InitiatorName: MAPPED_INITIATORS[0], TargetName: pathname.split("/")[1] as string });
  return initiator;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
