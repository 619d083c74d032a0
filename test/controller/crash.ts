/**
 * The controller dies at each of its commits in turn, once before the commit is durable and once
 * after: what the next one finds is consistent, nothing has leaked, every disk reads what it must, and
 * it can go on.
 */
import type { OperationRequest } from "@sanlab/controller/api/resources.ts";
import { check } from "@sanlab/controller/check/check.ts";
import { removeDevice } from "@sanlab/controller/devices/removal.ts";
import { createDisk, deleteDisk, resizeDisk } from "@sanlab/controller/disks.ts";
import { beginOperation } from "@sanlab/controller/migration/operations.ts";
import { createPool, deletePool, growPool } from "@sanlab/controller/pools.ts";
import { goOn } from "@sanlab/controller/recovery.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import test, { type ExecutionContext } from "ava";
import { MappingLab, MemoryMedia, SEGMENT } from "../helpers/mapping-lab.ts";
import { Crash, type CrashAt, MemoryStore } from "../helpers/memory-store.ts";

type Step = (lab: MappingLab) => Promise<unknown>;

/** What each disk holds, as far as its writes were answered: bytes by segment. */
type Model = Map<string, Map<number, number>>;

/** An administrator's morning: everything that takes more than one commit, and what hosts cause between. */
function stepsOf(model: Model): readonly Step[] {
  const write =
    (disk: string, byte: number, ...segments: number[]): Step =>
    async (lab) => {
      await Promise.all(
        segments.map(async (segment) => {
          const known = model.get(disk) as Map<number, number>;
          const before = known.get(segment);
          // Until it is answered, a write may or may not be there: nothing is claimed of it.
          known.set(segment, -1);
          const { kind } = await lab.write(segment % 2 === 0 ? "a" : "b", disk, segment, byte);
          known.set(segment, kind === "ok" ? byte : (before ?? 0));
        }),
      );
    };
  const snapshot =
    (disk: string, name: string): Step =>
    async ({ core }) => {
      const [made] = await takeSnapshots(core, { snapshots: [{ disk, name }] });
      model.set((made as { name: string }).name, new Map(model.get(disk)));
    };
  const created =
    (name: string, segments: number, thick = false): Step =>
    async ({ core }) => {
      await createDisk(core, { name, pool: "main", sizeBytes: segments * SEGMENT, thick });
      model.set(name, new Map());
    };
  const deleted =
    (name: string): Step =>
    async ({ core }) => {
      const host = core.records.exports.values().find((row) => row.disk === name);
      if (host !== undefined) {
        await core.records.exports.remove(core.options.store, `host/${name}`);
        await core.agents.reconcile();
      }
      model.delete(name);
      await deleteDisk(core, name);
    };
  const moved =
    (request: OperationRequest): Step =>
    async (lab) => {
      const { id } = await beginOperation(lab.core, request);
      await ended(lab);
      if (lab.core.records.operations.get(id)?.state !== "done") throw new Error(`operation ${id} is not done`);
    };
  return [
    ({ core }) =>
      createPool(core, { name: "other", segmentBytes: SEGMENT, devices: [{ path: "/o", sizeBytes: 64 * SEGMENT }] }),
    ({ core }) =>
      createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [{ path: "/a", sizeBytes: 64 * SEGMENT }] }),
    (lab) => lab.addAgents("a", "b"),
    created("thin", 64),
    created("thick", 8, true),
    (lab) => lab.expose("thin"),
    write("thin", 1, 0, 1, 2, 40),
    snapshot("thin", "first"),
    write("thin", 2, 1, 2, 3),
    (lab) => lab.expose("first"),
    write("first", 3, 2, 40),
    snapshot("thin", "second"),
    snapshot("first", "third"),
    write("thin", 4, 1, 2, 40, 41),
    async (lab) => {
      const held = model.get("thin") as Map<number, number>;
      for (const segment of [1, 2]) held.set(segment, -1);
      await lab.orDeath(lab.device("a", "thin").unmap(SEGMENT, 2 * SEGMENT));
      for (const segment of [1, 2]) held.set(segment, 0);
    },
    ({ core }) => resizeDisk(core, "thin", 80 * SEGMENT),
    ({ core }) => growPool(core, "main", { path: "/b", sizeBytes: 64 * SEGMENT }),
    moved({ kind: "evacuate", device: "/a" }),
    ({ core }) => removeDevice(core, "/a", "empty"),
    deleted("thick"),
    deleted("second"),
    write("thin", 5, 60, 61, 62, 63),
    moved({ kind: "migrate", disk: "first", pool: "other" }),
    deleted("first"),
    deleted("thin"),
    deleted("third"),
    ({ core }) => deletePool(core, "main"),
  ];
}

for (const when of ["before", "after"] as const) {
  test(`a controller that dies right ${when} any commit is followed by one that finds everything in order`, async (t) => {
    t.timeout(600_000);
    for (let commit = 0; ; commit += 1) {
      const died = await live(t, { commit, when });
      if (died) continue;
      t.true(commit > 40, `${commit} commits were died at`);
      return;
    }
  });
}

/** One life until the crash, and the next one; false where it ended without a crash. */
async function live(t: ExecutionContext, crashAt: CrashAt): Promise<boolean> {
  const store = new MemoryStore(new Map(), crashAt);
  const media = new MemoryMedia();
  const model: Model = new Map();
  const { lab, died } = await lived(t, store, media, model);
  const next = await assertSound(t, store, media, lab, model, `${crashAt.when} commit ${crashAt.commit}`);
  next.close();
  return died;
}

async function lived(t: ExecutionContext, store: MemoryStore, media: MemoryMedia, model: Model) {
  let lab: MappingLab | undefined;
  try {
    lab = await MappingLab.start({ store, media });
    for (const step of stepsOf(model)) await lab.orDeath(step(lab));
    t.deepEqual(lab.bugs, []);
    return { lab, died: false };
  } catch (error) {
    if (error instanceof Crash) return { lab, died: true };
    throw error;
  } finally {
    lab?.close();
  }
}

/** The next controller, with the agents that outlived the first. */
async function assertSound(
  t: ExecutionContext,
  crashed: MemoryStore,
  media: MemoryMedia,
  before: MappingLab | undefined,
  model: Model,
  label: string,
): Promise<MappingLab> {
  const store = new MemoryStore(crashed.entries);
  const lab = await MappingLab.start({ store, media });
  for (const [name, agent] of before?.agents ?? []) lab.attach(name, agent);
  const { core } = lab;
  await goOn(core);
  await ended(lab);
  await assertContents(t, lab, model, label);
  t.deepEqual((await check(store, core.records)).problems, [], label);
  t.deepEqual(core.records.copies.values(), [], label);
  t.deepEqual(core.records.releases.values(), [], label);
  for (const { operation } of core.records.disks.values()) t.is(operation, "none", label);
  await assertSpace(t, lab, label);
  await createPool(core, { name: "next", segmentBytes: SEGMENT, devices: [{ path: "/c", sizeBytes: 16 * SEGMENT }] });
  await createDisk(core, { name: "next", pool: "next", sizeBytes: 4 * SEGMENT, thick: true });
  t.deepEqual((await check(store, core.records)).problems, [], `${label}, and after`);
  t.deepEqual(lab.bugs, [], label);
  return lab;
}

/** No operation runs any more. */
async function ended({ core, died }: MappingLab): Promise<void> {
  let isDead = false;
  died.catch(() => {
    isDead = true;
  });
  while (!isDead && core.records.operations.values().some(({ state }) => state === "running"))
    await new Promise((resolve) => setTimeout(resolve, 1));
}

async function assertContents(t: ExecutionContext, lab: MappingLab, model: Model, label: string): Promise<void> {
  const { agents, disks, exports } = lab.core.records;
  for (const { name } of exports.values().map(({ disk }) => ({ name: disk }))) {
    if (!disks.has(name) || agents.values().length < 2 || lab.agents.size < 2) continue;
    await lab.core.agents.reconcile();
    for (const [segment, byte] of model.get(name) ?? []) {
      if (byte === -1) continue;
      for (const agent of lab.agents.keys()) {
        if (!lab.agents.get(agent)?.tables.has(disks.get(name)?.table ?? "")) continue;
        t.is(await lab.read(agent, name, segment), byte, `${label}: segment ${segment} of ${name} through ${agent}`);
      }
    }
  }
}

/** What no disk holds is free, and what is free is zero. */
async function assertSpace(t: ExecutionContext, { core, media }: MappingLab, label: string): Promise<void> {
  const held = new Set<string>();
  for (const { name } of core.records.pools.values()) {
    // The first segment of each device has its label.
    const devices = core.records.devices.values().filter(({ pool, closed }) => pool === name && closed !== true);
    const total = devices.reduce((sum, { segments }) => sum + segments - 1, 0);
    const used = devices.reduce((sum, { device }) => sum + core.space.usedOn(device), 0);
    t.is(core.space.freeIn(name), total - used, `${label}: what is not used is free`);
  }
  for (const [, value] of await core.options.store.range("chunk/")) {
    const words = new Uint32Array(Uint8Array.from(value).buffer);
    for (let at = 0; at < words.length; at += 2) {
      const device = (words[at + 1] as number) >>> 20;
      if (device !== 0) held.add(`${device}/${(words[at] as number) & 0x0fff_ffff}`);
    }
  }
  let used = 0;
  for (const { device, path, segments } of core.records.devices.values()) {
    used += core.space.usedOn(device);
    for (let segment = 1; segment < segments; segment += 1) {
      if (held.has(`${device}/${segment}`)) continue;
      const bytes = Buffer.alloc(SEGMENT);
      media.devices.get(path)?.read(segment * SEGMENT, bytes);
      t.true(bytes.equals(Buffer.alloc(SEGMENT)), `${label}: ${device}/${segment} is free, and not zero`);
    }
  }
  t.is(used, held.size, `${label}: what is used is what tables name`);
}
