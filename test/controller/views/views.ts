/** Further tables of a disk (seed A3): what their hosts see, and that all tables of a disk are one in its segments. */
import { addExport, removeExport } from "@sanlab/controller/access.ts";
import { check } from "@sanlab/controller/check/check.ts";
import { checkLab } from "@sanlab/controller/check/live.ts";
import { deleteDisk, resizeDisk } from "@sanlab/controller/disks.ts";
import { restoreDisk } from "@sanlab/controller/snapshots/restore.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import { mapOf } from "@sanlab/controller/tables/map.ts";
import { createView, deleteView } from "@sanlab/controller/views/views.ts";
import test, { type ExecutionContext } from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { CoreLab, turns, until } from "../../helpers/core-lab.ts";
import { cdbOf, type ScsiHost, senseName } from "../../helpers/scsi-host.ts";

const MIB = 1024 * 1024;
const SEGMENT_BLOCKS = MIB / 512;
/** Where hosts see the further table. */
const VIEW = { lun: 1 };

const filled = (fill: number, blocks = 1) => Buffer.alloc(512 * blocks, fill);
const write = (host: ScsiHost, fill: number, lba: number, options = {}) =>
  host.start(cdbOf(cdbs.Write10, { lba, blocks: 1 }), filled(fill), options).answer.then(senseName);
const read = async (host: ScsiHost, lba: number, options = {}, blocks = 1) => {
  const { dataIn } = await host.send(cdbOf(cdbs.Read10, { lba, blocks }), undefined, options);
  return dataIn && Array.from({ length: blocks }, (_, at) => dataIn[at * 512]);
};
const swap = (host: ScsiHost, from: number, to: number, lba: number, options = {}) =>
  host.start(cdbOf(cdbs.CompareAndWrite, { lba, blocks: 1 }), Buffer.concat([filled(from), filled(to)]), options);

/** Segments 2 and 0 of disk `data`, in this order, as LUN 1 of both hosts. */
async function labWithView(t: ExecutionContext, running = ["a", "b"]) {
  const lab = await CoreLab.start(t, running);
  const table = await createView(lab.controller, "data", {
    name: "some",
    ranges: [
      { first: 2, count: 1 },
      { first: 0, count: 1 },
    ],
  });
  for (const host of ["one", "two"]) await addExport(lab.controller, { host, disk: "data", table: "some" });
  const hosts = running.map((agent, at) => lab.agent(agent).host(["one", "two"][at] as string));
  for (const host of hosts) for (const lun of [0, 1]) await host.attentions(lun);
  return { lab, table, hosts: hosts as [ScsiHost, ScsiHost] };
}

test("a further table has a capacity, blocks and an identity of its own", async (t) => {
  const { lab, table, hosts } = await labWithView(t);
  const [, b] = hosts;
  const capacity = await b.send(cdbOf(cdbs.ReadCapacity10), undefined, VIEW);
  t.is(Buffer.from(capacity.dataIn ?? []).readUInt32BE(0), 2 * SEGMENT_BLOCKS - 1);
  const beyond = await b.send(cdbOf(cdbs.Read10, { lba: 2 * SEGMENT_BLOCKS, blocks: 1 }), undefined, VIEW);
  t.is(senseName(beyond), "LBA_OUT_OF_RANGE", "what it does not contain does not exist");
  const identification = cdbOf(cdbs.Inquiry, { vitalData: 1, pageCode: 0x83, allocationBytes: 255 });
  const names = (lun: number) =>
    b.send(identification, undefined, { lun }).then(({ dataIn }) => Buffer.from(dataIn ?? []));
  t.false((await names(0)).includes(Buffer.from(table.naa, "hex")));
  t.true((await names(1)).includes(Buffer.from(table.naa, "hex")));
  t.deepEqual([...lab.agent("a").bugs, ...lab.agent("b").bugs], []);
});

test("what is written through one table is read through the others, on every path", async (t) => {
  const { lab, hosts } = await labWithView(t);
  const [a, b] = hosts;
  // Both agents know that all of it is zero: a first write has to change that everywhere.
  t.deepEqual(await read(a, 0, VIEW), [0]);
  t.deepEqual(await read(b, 2 * SEGMENT_BLOCKS), [0]);
  t.is(await write(a, 7, 0, VIEW), "GOOD");
  t.deepEqual(await read(b, 2 * SEGMENT_BLOCKS), [7]);
  t.deepEqual(await read(b, 0, VIEW), [7]);
  t.is(await write(b, 8, 3), "GOOD");
  t.deepEqual(await read(a, SEGMENT_BLOCKS + 3, VIEW), [8]);
  t.is(await write(b, 9, SEGMENT_BLOCKS), "GOOD");
  const rows = await mapOf(lab.controller, "data", {}, false);
  t.deepEqual(
    rows.map(({ segment, holders, tables }) => [segment, holders, tables]),
    [
      [0, ["data"], ["some"]],
      [1, ["data"], []],
      [2, ["data"], ["some"]],
    ],
  );
});

test("I/O over the border of two ranges finds its blocks in both", async (t) => {
  const { lab, hosts } = await labWithView(t);
  const [a, b] = hosts;
  const data = Buffer.concat([1, 2, 3, 4].map((fill) => filled(fill)));
  const lba = SEGMENT_BLOCKS - 2;
  t.is(senseName(await a.send(cdbOf(cdbs.Write10, { lba, blocks: 4 }), data, VIEW)), "GOOD");
  t.deepEqual(await read(b, 3 * SEGMENT_BLOCKS - 2, {}, 2), [1, 2]);
  t.deepEqual(await read(b, 0, {}, 2), [3, 4]);
  t.deepEqual(await read(b, lba, VIEW, 4), [1, 2, 3, 4]);
  const swapped = Buffer.concat([data, filled(9, 4)]);
  const compare = cdbOf(cdbs.CompareAndWrite, { lba, blocks: 4 });
  t.is(senseName(await b.send(compare, swapped, VIEW)), "GOOD");
  t.deepEqual(await read(a, 0, {}, 2), [9, 9]);
  t.deepEqual([...lab.agent("a").bugs, ...lab.agent("b").bugs], []);
});

for (const { title, running } of [
  { title: "an agent that is alone with the disk", running: ["a"] },
  { title: "agents that share the disk", running: ["a", "b"] },
]) {
  test(`COMPARE AND WRITE keeps off writes through other tables at its own agent: ${title}`, async (t) => {
    const { lab } = await labWithView(t, running);
    const a = lab.agent("a").host("one");
    for (const lun of [0, 1]) await a.attentions(lun);
    t.is(await write(a, 1, 0), "GOOD");
    const { device } = lab.agent("a");
    device.holding = true;
    const swapping = swap(a, 1, 2, 0);
    // It reads in order to compare.
    await until(() => device.heldCount === 1);
    const writing = write(a, 7, SEGMENT_BLOCKS, VIEW);
    const later = swap(a, 7, 8, SEGMENT_BLOCKS + 1, VIEW);
    await turns();
    t.is(device.heldCount, 1, "nothing comes between the comparison and the write");
    device.release();
    t.is(senseName(await swapping.answer), "GOOD");
    t.is(await writing, "GOOD");
    t.is(senseName(await later.answer), "MISCOMPARE_DURING_VERIFY");
    t.deepEqual(await read(a, 0), [7]);
    t.deepEqual(lab.agent("a").bugs, []);
  });
}

test("a write through a view that is at the device ends before a COMPARE AND WRITE of the disk compares", async (t) => {
  const { lab, hosts } = await labWithView(t);
  const [a] = hosts;
  t.is(await write(a, 1, 0), "GOOD");
  const { device } = lab.agent("a");
  device.holding = true;
  const writing = write(a, 7, SEGMENT_BLOCKS, VIEW);
  const swapping = swap(a, 1, 2, 0);
  await turns();
  t.is(device.heldCount, 1);
  device.release();
  t.is(await writing, "GOOD");
  t.is(senseName(await swapping.answer), "MISCOMPARE_DURING_VERIFY");
});

test("a reservation of the disk is none of its further table, which is another logical unit", async (t) => {
  const { hosts } = await labWithView(t);
  const [a, b] = hosts;
  t.is(senseName(await a.send(cdbOf(cdbs.Reserve6))), "GOOD");
  t.is(await write(b, 5, 0), "status 24", "the disk is the other's");
  t.is(await write(b, 5, 0, VIEW), "GOOD");
});

test("a snapshot of the disk has what was written through its tables; restoring it tells the hosts of all", async (t) => {
  const { lab, hosts } = await labWithView(t);
  const { controller } = lab;
  const [a] = hosts;
  t.is(await write(a, 5, 0, VIEW), "GOOD");
  await takeSnapshots(controller, { snapshots: [{ disk: "data", name: "before" }] });
  t.is(controller.records.usage.get(controller.records.disks.get("before")?.table ?? "")?.mapped, 1);
  await restoreDisk(controller, "data", "before", true);
  for (const lun of [0, 1]) t.deepEqual(await a.attentions(lun), ["06/28/00"], `LUN ${lun}`);
});

test("the disk grows under its tables, which stay as they are", async (t) => {
  const { lab, hosts } = await labWithView(t);
  const [a] = hosts;
  await resizeDisk(lab.controller, "data", 8 * MIB);
  t.deepEqual(await a.attentions(0), ["06/2a/09"]);
  t.deepEqual(await a.attentions(1), []);
  t.is(await write(a, 5, 2 * SEGMENT_BLOCKS - 1, VIEW), "GOOD");
});

test("a table is taken away when no host is shown it, and a disk when it has none", async (t) => {
  const { lab, hosts } = await labWithView(t);
  const { controller } = lab;
  const [a] = hosts;
  await write(a, 5, 0, VIEW);
  const why = (work: Promise<unknown>) => work.then(String, (error: Error) => error.message);
  t.regex(await why(deleteView(controller, "data", "some")), /exported to host 'one'; delete that export first/);
  for (const host of ["one", "two"]) {
    await removeExport(controller, host, "data", "some");
    t.is(await write(a, 5, 0, VIEW), "LOGICAL_UNIT_NOT_SUPPORTED");
    await removeExport(controller, host, "data");
  }
  t.regex(await why(deleteDisk(controller, "data")), /further table 'some'; delete that table first/);
  await deleteView(controller, "data", "some");
  t.regex(await why(deleteView(controller, "data", "some")), /no further table 'some'/);
  t.is(await why(deleteDisk(controller, "data")), "undefined");
  t.deepEqual((await check(lab.store, controller.records)).problems, []);
});

test("what tables cannot be is refused in a sentence, and nothing is left", async (t) => {
  const { controller } = await CoreLab.start(t, []);
  const made = (name: string, ...ranges: [number, number][]) =>
    createView(controller, "data", { name, ranges: ranges.map(([first, count]) => ({ first, count })) }).then(
      ({ name: there }) => there,
      (error: Error) => error.message,
    );
  t.regex(await made("beyond", [3, 2]), /has the segments 0 to 3, and not all of 3-4/);
  t.regex(await made("twice", [0, 2], [3, 1], [1, 1]), /Segment 1 is in two ranges/);
  t.regex(await made("t7", [0, 1]), /how the tables of disks are called/);
  await resizeDisk(controller, "data", 4 * MIB + 512);
  t.regex(await made("part", [4, 1], [0, 1]), /Segment 4, the last of disk 'data', is only used in part/);
  t.is(await made("part", [0, 1], [4, 1]), "part");
  t.is(controller.records.views.get("data/part")?.sizeBytes, MIB + 512);
  t.regex(await made("part", [0, 1]), /has a table 'part' already/);
  t.is(controller.records.views.values().length, 1);
});

test("a check asks agents what they show of a disk, and a repair shows it anew", async (t) => {
  const { lab, table, hosts } = await labWithView(t);
  const { controller } = lab;
  const [a] = hosts;
  await write(a, 5, 0, VIEW);
  t.deepEqual((await checkLab(controller, false)).problems, []);
  const { core } = lab.agent("a");
  const id = `unit-${table.id}`;
  const unit = core.units.get(id) as NonNullable<ReturnType<typeof core.units.get>>;
  core.units.set(id, { ...unit, view: { ranges: [[1, 1]], sizeBytes: MIB } });
  const { problems } = await checkLab(controller, true);
  t.deepEqual(
    problems.map(({ message }) => message),
    ["Agent 'a' shows hosts 'data/some' otherwise than it is on record."],
  );
  t.deepEqual((await checkLab(controller, false)).problems, []);
  await a.attentions(1);
  t.deepEqual(await read(a, 0, VIEW), [5]);
});

test("tables outlive the controller; a check finds one that cannot be", async (t) => {
  const { lab, hosts } = await labWithView(t);
  const [a, b] = hosts;
  await write(a, 5, 0, VIEW);
  lab.killController();
  await lab.restartController();
  await turns();
  t.deepEqual(await read(b, 0, VIEW), [5]);
  const { controller } = lab;
  const view = controller.records.views.get("data/some");
  t.deepEqual((await check(lab.store, controller.records)).problems, []);
  await lab.store.commit({
    puts: [controller.records.views.put("data/some", { ...(view as NonNullable<typeof view>), ranges: [[9, 1]] })],
  });
  const { problems } = await check(lab.store);
  t.deepEqual(
    problems.map(({ code }) => code),
    ["view", "export", "export"],
  );
});
