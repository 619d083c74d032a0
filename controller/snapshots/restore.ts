/**
 * A disk goes back to what a snapshot holds. The table that it had becomes that of a disk that is
 * being deleted, in the transaction that gives it the snapshot's entries: so there is no instant at
 * which it is half of each, and what it alone held comes back in bounded steps.
 */

import type { Disk } from "../api/resources.ts";
import type { ControllerCore } from "../core.ts";
import { describe, foundDisk, newIdentity } from "../disks.ts";
import type { Family } from "../families/family.ts";
import { revoke } from "../families/grants.ts";
import { finishLeftCopies } from "../families/round.ts";
import type { DiskRecord } from "../records.ts";
import { askAgents } from "../server/questions.ts";
import type { Change } from "../store/commits.ts";
import { bytes, rootKey } from "../tables/layout.ts";
import { removeTable } from "../tables/removal.ts";
import { unitsOf } from "../units/unit.ts";
import { Refusal } from "../user-error.ts";
import { protect } from "./snapshots.ts";

const WHOLE_TABLE = 64 * 1024 * 1024;
/** NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED (SPC-4 table F.2). */
const MEDIUM_CHANGED = { asc: 0x28, ascq: 0x00 };

export async function restoreDisk(core: ControllerCore, name: string, from: string, force: boolean): Promise<Disk> {
  const [disk, snapshot] = [foundDisk(core, name), foundDisk(core, from)];
  refuseStrange(disk, snapshot);
  if (!force) await refuseUsed(core, disk);
  const family = core.families.of(disk.table) as Family;
  const old = await core.units.notify(unitsOf(core.records, disk), MEDIUM_CHANGED, (told) =>
    family.run(async () => {
      await finishLeftCopies(core, family);
      await protect(core, [snapshot.table]);
      await revoke(core, disk.table, 0, WHOLE_TABLE);
      return exchange(core, disk, snapshot, told);
    }),
  );
  await removeTable(core, old);
  return describe(core, core.records.disks.get(name) as DiskRecord);
}

/** @returns the disk that has the table's former entries, and is being deleted. */
async function exchange(
  core: ControllerCore,
  disk: DiskRecord,
  snapshot: DiskRecord,
  told: (change: Change) => void,
): Promise<DiskRecord> {
  const { records, tables, families } = core;
  const [was, is] = [await tables.root(disk.table), await tables.root(snapshot.table)];
  const identity = newIdentity(core);
  // No name that a user can give.
  const old: DiskRecord = { ...disk, ...identity, name: `~${identity.table}`, operation: "deleting" };
  const held = records.usage.get(disk.table) ?? { mapped: 0, own: 0 };
  const { mapped } = records.usage.get(snapshot.table) ?? { mapped: 0 };
  await core.commits.run((change) => {
    told(change);
    const usages = [
      { table: old.table, mapped: held.mapped, own: held.own },
      { table: disk.table, mapped, own: 0 },
      { table: snapshot.table, mapped, own: 0 },
    ];
    for (const usage of usages) {
      change.put(records.usage.put(usage.table, usage)).learn(() => records.usage.learn(usage.table, usage));
    }
    change.put([rootKey(old.table), bytes(was)]).put([rootKey(disk.table), bytes(is)]);
    change.put(records.disks.put(old.name, old)).put(core.numbers());
    change.learn(() => {
      records.disks.learn(old.name, old);
      families.add(old);
      tables.keepRoot(old.table, was);
      tables.keepRoot(disk.table, is);
      tables.changedWholly(disk.table, Math.max(was.length, is.length));
    });
  });
  return old;
}

function refuseStrange(disk: DiskRecord, snapshot: DiskRecord): void {
  if (disk.family !== snapshot.family || disk.table === snapshot.table) {
    throw new Refusal(
      "strange",
      `'${snapshot.name}' is no snapshot or clone of disk '${disk.name}', nor made of the same; name one that is.`,
    );
  }
  if (disk.readOnly)
    throw new Refusal("read-only", `Disk '${disk.name}' is read-only; clone it, and restore the clone.`);
  if (snapshot.sizeBytes > disk.sizeBytes) {
    throw new Refusal(
      "size",
      `'${snapshot.name}' is larger than disk '${disk.name}'; resize the disk to ${snapshot.sizeBytes} bytes first.`,
    );
  }
}

/** A host that has it open would find other contents under its feet. */
async function refuseUsed(core: ControllerCore, disk: DiskRecord): Promise<void> {
  const { agents, exports, hosts } = core.records;
  const theirs = exports.values().flatMap((row) => (row.disk === disk.name ? (hosts.get(row.host) ?? []) : []));
  const holders = agents.values().flatMap(({ name, tables }) => (tables.includes(disk.table) ? [name] : []));
  const answers = await askAgents(core, holders, { what: "sessions" });
  for (const { agent, result } of answers) {
    const initiators = (result as { initiator?: string }[]).map(({ initiator }) => initiator);
    const host = theirs.find(({ iqn }) => initiators.includes(iqn));
    if (host === undefined) continue;
    throw new Refusal(
      "in-use",
      `Host '${host.name}' has a session to disk '${disk.name}' through agent '${agent}'; log it out, or force it.`,
    );
  }
  const silent = holders.find((name) => !answers.some(({ agent }) => agent === name));
  if (silent === undefined) return;
  throw new Refusal(
    "in-use",
    `Agent '${silent}' does not say whether a host has a session to disk '${disk.name}'; bring it back, or force it.`,
  );
}
