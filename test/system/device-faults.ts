/** Faults of storage devices through the command line, as hosts and the controller's own copies meet them: one lab, one fault after another. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { FaultLab } from "../helpers/fault-lab.ts";
import { external, labOf } from "../helpers/lab.ts";
import { openDisk, type QemuIo } from "../helpers/qemu-io.ts";

const test = anyTest.serial as TestFn;
const IQN = "iqn.2026-11.example:outside";
const MIB = 1024 * 1024;
const SECTORS = MIB / 512;

let lab: FaultLab;

test.before(async () => {
  lab = new FaultLab(await mkdtemp(join(tmpdir(), "sanlab-test-")));
  const file = labOf({ agents: ["a", "b"], diskSize: "64MiB", deviceSize: "128MiB" });
  await lab.up({ ...file, hosts: { outside: external("outside") } });
});
test.after.always(() => lab.destroy());

test("a storage device fails, is lost, and is well again when the fault is cleared", async (t) => {
  const disk = await open(t);
  await disk.write(0, 4096, 0x55);
  await lab.addFault("device", "on device=main-0.img op=read do device-error");
  await t.throwsAsync(disk.expectPattern(0, 4096, 0x55));
  await disk.write(4096, 4096, 0x55);
  t.true(((await lab.clearFault("device"))?.fired ?? 0) > 0);
  await lab.addFault("gone", "on device=main-0.img agent=a do device-loss");
  await t.throwsAsync(disk.write(0, 4096, 0x66));
  const other = await openDisk(t, await lab.url("data", "b"), IQN);
  await other.expectPattern(0, 8192, 0x55);
  await lab.clearFault("gone");
  await disk.expectPattern(0, 8192, 0x55);
});

test("a sector that cannot be read keeps its segment from being evacuated and copied, and lets all others go", async (t) => {
  const disk = await open(t);
  t.teardown(() => lab.run(["fault", "clear"]));
  for (let segment = 0; segment < 4; segment += 1) await disk.write(segment * MIB, MIB, 0x60 + segment);
  const spot = (await placeOf(1)).deviceSegment * SECTORS + 100;
  await lab.addFault("spot", `on device=main-0.img sector=${spot}..${spot + 7} op=read do device-error`);
  await t.throwsAsync(disk.expectPattern(MIB + 100 * 512, 512, 0x61), { message: /error/i });
  await disk.expectPattern(MIB, 100 * 512, 0x61);
  await disk.expectPattern(MIB + 108 * 512, MIB - 108 * 512, 0x61);

  // The others of a shared segment need what it holds: a write to it waits for a copy, which fails.
  await lab.must("disk", "snapshot", "data", "before");
  await t.throwsAsync(disk.write(MIB, 4096, 0x71), { message: /error/i });
  await disk.write(2 * MIB, 4096, 0x72);

  await lab.must("device", "add", "main", "main-1.img:128MiB");
  const { exitCode, stdout } = await lab.run(["device", "evacuate", "main-0.img", "--json"]);
  t.is(exitCode, 1);
  t.deepEqual(staying(stdout), [{ disks: "before, data", segment: 1, reason: "it could not be read" }]);
  t.is((await placeOf(0)).device, "main-1.img");
  t.like(await placeOf(1), { device: "main-0.img", deviceSegment: (spot - 100) / SECTORS });
  await disk.expectPattern(2 * MIB, 4096, 0x72);
  await disk.expectPattern(MIB, 100 * 512, 0x61);
  t.true(((await lab.clearFault("spot"))?.controller?.fired ?? 0) >= 2);

  await lab.must("device", "evacuate", "main-0.img");
  t.is((await placeOf(1)).device, "main-1.img");
  await disk.expectPattern(MIB, MIB, 0x61);
  await disk.write(MIB, 4096, 0x71);
  await lab.must("disk", "delete", "before");
  await lab.must("device", "add", "main", "main-0.img");
});

test("segments whose copies cannot be written stay, and move when the fault is over", async (t) => {
  const disk = await open(t);
  t.teardown(() => lab.run(["fault", "clear"]));
  await lab.must("pool", "create", "other", "--device", "other-0.img:128MiB");
  await disk.write(0, 2 * MIB, 0x63);
  await lab.addFault("writes", "on device=other-0.img op=write do device-error");
  const { exitCode, stdout } = await lab.run(["disk", "migrate", "data", "--pool", "other", "--json"]);
  t.is(exitCode, 1);
  const stayed = staying(stdout);
  t.true(stayed.length >= 2);
  t.true(stayed.every(({ reason }) => reason === "its copy could not be written"));
  t.not((await placeOf(1)).device, "other-0.img");
  await disk.write(MIB, 4096, 0x64);
  await lab.clearFault("writes");
  await lab.must("disk", "migrate", "data", "--pool", "other");
  t.is((await placeOf(1)).device, "other-0.img");
  await disk.expectPattern(MIB, 4096, 0x64);
  await disk.expectPattern(0, MIB, 0x63);
  await lab.must("disk", "migrate", "data", "--pool", "main");
  t.is((await lab.run(["check"])).exitCode, 0);
});

async function open(t: ExecutionContext): Promise<QemuIo> {
  t.timeout(120_000);
  return openDisk(t, await lab.url("data", "a"), IQN);
}

interface PlaceRow {
  readonly segment: number;
  readonly device: string;
  readonly deviceSegment: number;
}

async function placeOf(segment: number): Promise<PlaceRow> {
  const rows = await lab.json<PlaceRow[]>("disk", "map", "data");
  const row = rows.find((one) => one.segment === segment) as PlaceRow;
  return { ...row, device: basename(row.device) };
}

interface StayRow {
  readonly disks: readonly string[];
  readonly segment: number;
  readonly reason: string;
}

/** What an operation has left, by the JSON that it printed. */
function staying(stdout: string) {
  const { stayed } = JSON.parse(stdout) as { stayed: StayRow[] };
  return stayed.map(({ disks, segment, reason }) => ({ disks: disks.toSorted().join(", "), segment, reason }));
}
