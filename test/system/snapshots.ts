/** Snapshots as hosts and users see them: two agents, QEMU's initiators, writes all the while (docs/protocol.md, Snapshot; rule 5). */
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { type DiskRow, labOf, type TestLab, testLab } from "../helpers/lab.ts";
import { openDisk, type QemuIo } from "../helpers/qemu-io.ts";

const MIB = 1024 * 1024;
const IQN = "iqn.2026-11.example:outside";

interface SnapshotRow extends DiskRow {
  readonly sharedSegments: number;
  readonly ownSegments: number;
}

/** Lets the host see a disk through both agents. */
async function expose(lab: TestLab, disk: string): Promise<void> {
  const zone = ["--host", "outside", "--agent", "a", "--agent", "b", "--disk", disk];
  await lab.must("zone", "create", `of-${disk}`, ...zone);
  await lab.must("export", "create", "outside", disk);
}

async function hide(lab: TestLab, disk: string): Promise<void> {
  await lab.must("export", "delete", "outside", disk);
}

/** Each write of a segment is of another byte than those shortly before and after it. */
const BYTES = 250;
function byteOf(write: number): number {
  return ((write - 1) % BYTES) + 1;
}

/** Writes to a segment again and again, through one agent, until told to stop. */
class Writer {
  readonly #disk: QemuIo;
  readonly #segment: number;
  /** How many writes were answered, and how many were begun. */
  acknowledged = 0;
  begun = 0;
  /** It waits when so many were begun: on a slow machine a snapshot takes as long as more writes than there are bytes. */
  #most = BYTES;
  #stopped = false;
  readonly done: Promise<void>;

  constructor(disk: QemuIo, segment: number) {
    this.#disk = disk;
    this.#segment = segment;
    this.done = this.#write();
  }

  /** @returns how many were answered; fewer than there are bytes follow before the next call. */
  mark(): number {
    this.#most = this.acknowledged + BYTES - 1;
    return this.acknowledged;
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.done;
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      if (this.begun >= this.#most) await sleep(1);
      else {
        this.begun += 1;
        await this.#disk.write(this.#segment * MIB, 64 * 1024, byteOf(this.begun));
        this.acknowledged = this.begun;
      }
    }
  }
}

test("snapshots taken while two hosts write hold what was acknowledged, share the rest, and give their space back", async (t) => {
  t.timeout(240_000);
  const lab = await testLab(t);
  await lab.up(labOf({ agents: ["a", "b"], diskSize: "64MiB", deviceSize: "256MiB" }));
  const [throughA, throughB] = [
    await openDisk(t, await lab.url("data", "a"), IQN),
    await openDisk(t, await lab.url("data", "b"), IQN),
  ];
  for (let segment = 0; segment < 16; segment += 1) await throughA.write(segment * MIB, MIB, 0xc0 + segment);

  const writers = [new Writer(throughA, 0), new Writer(throughB, 1)];
  const bounds: (readonly [after: number, before: number])[][] = [];
  for (const name of ["one", "two", "three"]) {
    const after = writers.map((writer) => writer.mark());
    await lab.must("disk", "snapshot", "data", name);
    bounds.push(writers.map(({ begun }, at) => [after[at] as number, begun] as const));
  }
  await Promise.all(writers.map((writer) => writer.stop()));

  // Each holds, of each segment, a write that was begun before it was reported and not one before what had been answered.
  for (const [at, name] of ["one", "two", "three"].entries()) {
    await expose(lab, name);
    const snapshot = await openDisk(t, await lab.url(name, at % 2 === 0 ? "b" : "a"), IQN);
    for (const [segment, [after, before]] of (bounds[at] ?? []).entries()) {
      const held = await heldByte(snapshot, segment, after, before);
      t.true(held !== undefined, `segment ${segment} of ${name} holds none of the writes ${after} to ${before}`);
    }
    for (let segment = 2; segment < 16; segment += 1) await snapshot.expectPattern(segment * MIB, MIB, 0xc0 + segment);
    // What is written to it is written to it alone.
    await snapshot.write(8 * MIB, MIB, 0x11 + at);
  }
  await throughA.expectPattern(8 * MIB, MIB, 0xc8);
  t.is((await lab.run(["check"])).exitCode, 0);

  await hide(lab, "two");
  await lab.must("disk", "delete", "two");
  await hide(lab, "data");
  await lab.must("disk", "delete", "data");
  const three = await openDisk(t, await lab.url("three", "b"), IQN);
  await three.expectPattern(8 * MIB, MIB, 0x13);
  await three.expectPattern(9 * MIB, MIB, 0xc9);
  const rows = (await lab.disks()) as SnapshotRow[];
  t.true(
    rows.every(({ mappedSegments, sharedSegments, ownSegments }) => sharedSegments + ownSegments === mappedSegments),
  );
  for (const name of ["three", "one"]) {
    await hide(lab, name);
    await lab.must("disk", "delete", name);
  }
  const [pool] = await lab.json<{ usedSegments: number }[]>("pool", "list");
  t.is(pool?.usedSegments, 0);
  t.is((await lab.run(["check"])).exitCode, 0);
});

/** The byte of the one write that the segment holds whole; undefined where that is none of these. */
async function heldByte(disk: QemuIo, segment: number, after: number, before: number): Promise<number | undefined> {
  const byte = await disk.byteAt(segment * MIB);
  await disk.expectPattern(segment * MIB, 64 * 1024, byte);
  // Before its first write the segment holds what it was filled with.
  if (after === 0 && byte === 0xc0 + segment) return byte;
  for (let one = Math.max(1, after); one <= before; one += 1) if (byteOf(one) === byte) return byte;
  return undefined;
}
