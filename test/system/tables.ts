/** Several tables for one disk (seed A3): two hosts, each through an agent of its own, see different views of one disk. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import { external, testLab } from "../helpers/lab.ts";
import { openDisk } from "../helpers/qemu-io.ts";

const MIB = 1024 * 1024;
const LAB = {
  lab: "tables",
  pools: {
    main: { segment: "1MiB", devices: [{ path: "main.img", size: "64MiB" }] },
    other: { segment: "1MiB", devices: [{ path: "other.img", size: "64MiB" }] },
  },
  disks: { data: { pool: "main", size: "16MiB", tables: { ends: ["12-15", "0-3"] } } },
  agents: { a: {}, b: {} },
  hosts: {
    whole: { ...external("whole"), disks: ["data"] },
    part: { ...external("part"), disks: ["data/ends"] },
  },
  zones: { all: { hosts: ["whole", "part"], agents: ["a", "b"], disks: ["data"] } },
};

interface Row {
  readonly host: string;
  readonly agent: string;
  readonly table: string;
  readonly naa: string;
  readonly iqn: string;
  readonly url: string;
}

test("hosts of different tables of a disk see its segments where their tables have them, whatever is done to the disk", async (t) => {
  const lab = await testLab(t);
  await lab.up(LAB);
  const rows = await lab.json<Row[]>("export", "list");
  const [ofWhole, ofPart] = [
    rows.find(({ host, agent }) => host === "whole" && agent === "a") as Row,
    rows.find(({ host, agent }) => host === "part" && agent === "b") as Row,
  ];
  t.is(ofPart.table, "ends");
  const { stdout: names } = await execa("iscsi-inq", ["-i", ofPart.iqn, "-e", "1", "-c", "131", ofPart.url]);
  const [table] = await lab.json<{ serial: string }[]>("table", "list");
  t.true(names.includes(`SANLAB  ${table?.serial}`), names);
  t.not(ofPart.naa, ofWhole.naa);
  const { stdout: capacity } = await execa("iscsi-readcapacity16", ["-i", ofPart.iqn, ofPart.url]);
  t.regex(capacity, /Total size:8388608/);

  const whole = await openDisk(t, ofWhole.url, ofWhole.iqn);
  const part = await openDisk(t, ofPart.url, ofPart.iqn);
  // Both have cached that all is zero.
  await whole.expectPattern(12 * MIB, 4096, 0);
  await part.expectPattern(0, 8 * MIB, 0);
  await part.write(0, 4096, 1);
  await whole.expectPattern(12 * MIB, 4096, 1);
  await whole.write(3 * MIB, MIB, 2);
  await part.expectPattern(7 * MIB, MIB, 2);
  // Over the border of the two ranges.
  await part.write(4 * MIB - 8192, 16384, 3);
  await whole.expectPattern(16 * MIB - 8192, 8192, 3);
  await whole.expectPattern(0, 8192, 3);
  t.is((await lab.disks())[0]?.mappedSegments, 4, "space is counted once");

  await lab.must("disk", "snapshot", "data", "before");
  await part.write(0, 4096, 4);
  await whole.expectPattern(12 * MIB, 4096, 4);
  await lab.must("disk", "export", "before", "before.raw");
  const image = join(lab.directory, "before.raw");
  t.is((await stat(image)).size, 16 * MIB);
  const compared = await execa("cmp", ["--bytes=1", `--ignore-initial=${12 * MIB}:0`, image, "-"], { input: "\x01" });
  t.is(compared.exitCode, 0, "the snapshot has what was written through the table before it");

  await lab.must("disk", "migrate", "data", "--pool", "other");
  await part.expectPattern(4 * MIB - 8192, 16384, 3);
  await part.write(2 * MIB, 4096, 5);
  await whole.expectPattern(14 * MIB, 4096, 5);

  await lab.must("disk", "set-error", "data", "--range", "12");
  await t.throwsAsync(part.expectPattern(0, 4096, undefined));
  await part.expectPattern(2 * MIB, 4096, 5);
  await lab.must("disk", "clear-error", "data", "--range", "12");
  await part.expectPattern(0, 4096, 4);

  await part.discard(7 * MIB, MIB);
  await whole.expectPattern(3 * MIB, MIB, 0);
  await lab.must("check");
});

test("one 'up' grows a disk, and makes and shows a table over what is new", async (t) => {
  const lab = await testLab(t);
  await lab.up(LAB);
  const tables = { ...LAB.disks.data.tables, fresh: ["14-19"] };
  await lab.writeFile({
    ...LAB,
    disks: { data: { ...LAB.disks.data, size: "20MiB", tables } },
    hosts: { ...LAB.hosts, part: { ...LAB.hosts.part, disks: ["data/ends", "data/fresh"] } },
  });
  await lab.must("up", lab.file);
  const rows = await lab.json<Row[]>("export", "list");
  const fresh = rows.find(({ table, agent }) => table === "fresh" && agent === "b") as Row;
  const whole = rows.find(({ host, agent }) => host === "whole" && agent === "a") as Row;
  const [through, beside] = [await openDisk(t, fresh.url, fresh.iqn), await openDisk(t, whole.url, whole.iqn)];
  await through.write(5 * MIB, 4096, 7);
  await beside.expectPattern(19 * MIB, 4096, 7);
  t.regex(await lab.must("plan", lab.file), /nothing|as the file says/i);
});

test("'up' makes the tables of its file, keeps them as they are, and deletes those that the file no longer has when it is told to", async (t) => {
  const lab = await testLab(t);
  await lab.up(LAB);
  t.regex(await lab.must("plan", lab.file), /nothing|as the file says/i);
  const [made] = await lab.json<{ disk: string; name: string; ranges: string[]; size: number }[]>("table", "list");
  t.like(made, { disk: "data", name: "ends", ranges: ["12-15", "0-3"], size: 8 * MIB });

  const { data } = LAB.disks;
  await lab.writeFile({ ...LAB, disks: { data: { ...data, tables: { ends: ["0-3"] } } } });
  const refused = await lab.run(["up", lab.file]);
  t.is(refused.exitCode, 1);
  t.regex(refused.stderr, /Table 'ends' of disk 'data' has the segments 12-15, 0-3, and the file says 0-3/);

  const { tables: _, ...bare } = data;
  await lab.writeFile({
    ...LAB,
    disks: { data: bare },
    hosts: { ...LAB.hosts, part: { ...LAB.hosts.part, disks: [] } },
  });
  await lab.must("up", lab.file);
  t.is((await lab.json<unknown[]>("table", "list")).length, 1, "it is left alone");
  const text = await lab.must("up", lab.file, "--prune");
  t.is((await lab.json<unknown[]>("table", "list")).length, 0, text);
  t.false((await lab.json<Row[]>("export", "list")).some(({ host }) => host === "part"));
});
