import type { Sample } from "@sanlab/controller/metrics/resources.ts";
import test from "ava";
import { bytesText } from "sanlab/cli/top.ts";
import { ratesBetween } from "sanlab/top/rates.ts";

const disk = (reads: number) => ({
  disk: "data",
  agent: "a",
  reads,
  writes: 0,
  readBytes: reads * 4096,
  writtenBytes: 0,
  held: 0,
});
const sample = (atMs: number, reads: number, commands: number): Sample => ({
  atMs,
  disks: [disk(reads)],
  agents: [{ agent: "a", up: true, faultsSent: 0, unmapsSent: 0, messagesSent: reads }],
  paths: [{ host: "web", agent: "a", sessions: 1, queue: 3, commands, bytesIn: 0, bytesOut: 0 }],
  pools: [],
  faults: [],
});

test("rates are differences per second", (t) => {
  const top = ratesBetween(sample(1000, 100, 7), sample(3000, 150, 17));
  t.is(top.seconds, 2);
  t.like(top.disks[0], { reads: 25, readBytes: 102_400 });
  t.like(top.paths[0], { commands: 5, queue: 3, sessions: 1 });
  t.like(top.agents[0], { messagesSent: 25, up: true });
});

test("what counts from anew, or was not there before, has no negative rate", (t) => {
  t.like(ratesBetween(sample(0, 500, 0), sample(1000, 20, 0)).disks[0], { reads: 20 });
  const empty = { ...sample(0, 0, 0), disks: [], paths: [], agents: [] };
  t.like(ratesBetween(empty, sample(1000, 20, 4)).paths[0], { commands: 4 });
});

test("rates of bytes are told in units that people read", (t) => {
  t.is(bytesText(0), "0 B/s");
  t.is(bytesText(1536), "1.5 KiB/s");
  t.is(bytesText(20 * 1024 ** 2), "20.0 MiB/s");
});
