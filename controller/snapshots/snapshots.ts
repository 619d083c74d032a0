/**
 * Snapshots and clones of one disk, or of several at one instant (docs/protocol.md, Snapshot).
 *
 * The operation is the turn of the families: nothing of them is served meanwhile, so no entry goes
 * out without Nw, and faults and unmaps wait. Until the commit nothing is changed that a crash could
 * leave half done: Nw at agents that nothing stands behind goes with the first write fault.
 */
import type { Disk, SnapshotRequest } from "../api/resources.ts";
import type { ControllerCore } from "../core.ts";
import { describe, foundDisk, newIdentity, refuseTaken } from "../disks.ts";
import type { Family } from "../families/family.ts";
import type { DiskRecord } from "../records.ts";
import { MAX_TRANSACTION_BYTES } from "../store/store.ts";
import { bytes, rootKey } from "../tables/layout.ts";
import { Refusal } from "../user-error.ts";

/** A disk with all its snapshots and clones, and theirs. */
const MOST_IN_FAMILY = 512;

interface Planned {
  readonly source: DiskRecord;
  readonly made: DiskRecord;
}

export async function takeSnapshots(core: ControllerCore, request: SnapshotRequest): Promise<Disk[]> {
  const names = request.snapshots.map(({ name }) => name);
  for (const name of names) refuseTaken(core, name);
  if (new Set(names).size < names.length) {
    throw new Refusal("exists", "Two of the snapshots have one name; give each a name of its own.", 400);
  }
  const planned = request.snapshots.map(({ disk, name }) => plan(core, request, foundDisk(core, disk), name));
  const families = planned.map(({ source }) => core.families.of(source.table) as Family);
  await refuseTooMany(core, planned);
  await core.families.runAll(families, async () => {
    await protect(
      core,
      planned.map(({ source }) => source.table),
    );
    await commit(core, planned);
  });
  return planned.map(({ made }) => describe(core, core.records.disks.get(made.name) as DiskRecord));
}

/** What shares a segment is changed in one transaction, and what is taken at one instant is made by one. */
async function refuseTooMany(core: ControllerCore, planned: readonly Planned[]): Promise<void> {
  const families = Map.groupBy(planned, ({ source }) => core.families.of(source.table) as Family);
  for (const [family, theirs] of families) {
    if (family.tables.size + theirs.length <= MOST_IN_FAMILY) continue;
    throw new Refusal(
      "too-many",
      `Disk '${theirs[0]?.source.name}' and all that was made of it may be ${MOST_IN_FAMILY} disks and snapshots at most; delete some first.`,
    );
  }
  const roots = await Promise.all(planned.map(({ source }) => core.tables.root(source.table)));
  if (roots.reduce((sum, root) => sum + root.byteLength, 0) <= MAX_TRANSACTION_BYTES / 2) return;
  throw new Refusal(
    "too-many",
    "These disks are too large together for one instant; take snapshots of fewer of them at once.",
    400,
  );
}

function plan(core: ControllerCore, request: SnapshotRequest, source: DiskRecord, name: string): Planned {
  const { kind = "snapshot", readOnly = false } = request;
  const { family, sizeBytes } = source;
  const createdAt = new Date(core.options.clock.dateMs()).toISOString();
  const made: DiskRecord = {
    name,
    ...newIdentity(core),
    family,
    origin: source.table,
    kind,
    readOnly,
    createdAt,
    sizeBytes,
    ...whereabouts(source),
    thick: false,
    operation: "none",
  };
  return { source, made };
}

/** An operation that moves segments may come to its end while a snapshot waits for its turn. */
function whereabouts({ pool, from }: DiskRecord): Pick<DiskRecord, "pool" | "from"> {
  return from === undefined ? { pool } : { pool, from };
}

/** Nw with the blocking flag on every entry at all agents: what was begun before has ended, and every write faults. */
export async function protect(core: ControllerCore, tables: readonly string[]): Promise<void> {
  await Promise.all([...new Set(tables)].map((table) => core.agents.toTable(table, { type: "protect_table", table })));
}

/** The same entries in both, of all disks in one transaction. */
async function commit(core: ControllerCore, planned: readonly Planned[]): Promise<void> {
  const { records, tables, families } = core;
  const roots = new Map<string, Uint32Array>();
  for (const { source } of planned) roots.set(source.table, await tables.root(source.table));
  await core.commits.run((change) => {
    for (const { source, made: asPlanned } of planned) {
      const { from: _, ...fixed } = asPlanned;
      const made: DiskRecord = { ...fixed, ...whereabouts(records.disks.get(source.name) ?? source) };
      const root = roots.get(source.table) as Uint32Array;
      const { mapped } = records.usage.get(source.table) ?? { mapped: 0 };
      for (const table of [source.table, made.table]) {
        const usage = { table, mapped, own: 0 };
        change.put(records.usage.put(table, usage)).learn(() => records.usage.learn(table, usage));
      }
      change.put(records.disks.put(made.name, made)).put([rootKey(made.table), bytes(root)]);
      change.learn(() => {
        records.disks.learn(made.name, made);
        tables.keepRoot(made.table, root);
        families.add(made);
      });
    }
    change.put(core.numbers());
  });
}
