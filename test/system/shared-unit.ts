/** One logical unit through two agents, as libiscsi's suite and hosts over the wire find it; and through ends of the whole lab. */
import test, { type ExecutionContext } from "ava";
import { Register, Reserve } from "node-iscsi-target/scsi/cdb.ts";
import { ReservationType } from "node-iscsi-target/scsi/reservations/state.ts";
import { Status } from "node-iscsi-target/scsi/transport.ts";
import { runIscsiTestCu } from "../helpers/iscsi-test-cu.ts";
import { external, labOf, type TestLab, testLab } from "../helpers/lab.ts";
import { MAPPED_INITIATORS, startMappedDisk } from "../helpers/mapped-disk.ts";
import { readStatus, reserveOutStatus, wireHost } from "../helpers/wire-host.ts";

const FAMILIES = (
  "PrinReadKeys PrinReportCapabilities PrinServiceactionRange ProutRegister ProutReserve ProutClear ProutPreempt " +
  "Reserve6 CompareAndWrite OrWrite MultipathIO"
).split(" ");

/** One wants physical blocks larger than logical ones, one a host that may end what others do. */
const NOT_FOR_THIS_DISK = ["CompareAndWrite.InvalidDataOutSize", "Reserve6.TargetColdReset"];

test("a disk of a lab passes libiscsi's tests of reservations, atomic commands and several paths, on two agents", async (t) => {
  const disk = await startMappedDisk(64, { twoAgents: true });
  t.teardown(() => disk.close());
  const [initiator, secondInitiator] = MAPPED_INITIATORS;
  const { tests } = await runIscsiTestCu(disk.url, {
    families: FAMILIES.map((family) => `ALL.${family}`),
    initiator,
    secondInitiator,
    ...(disk.secondUrl === undefined ? {} : { secondUrl: disk.secondUrl }),
  });
  const wanting = tests.filter(({ name, verdict }) => verdict !== "passed" && !NOT_FOR_THIS_DISK.includes(name));
  t.deepEqual(
    wanting.map(({ name, lines }) => ({ name, lines })),
    [],
  );
  t.true(tests.length > 40, "the suite ran few tests");
});

test("a reservation with APTPL outlives kill -9 of everything, and one without it ends with `down`", async (t) => {
  const lab = await testLab(t);
  const hosts = { outside: external("outside"), second: external("second") };
  await lab.up(labOf({ agents: ["a", "b"], diskSize: "16MiB", hosts }));
  const type = ReservationType.EXCLUSIVE_ACCESS;
  const first = await wireHost(t, await lab.url("data", "a"), "outside");
  t.is(await reserveOutStatus(first, Register, { newKey: 7n, persistent: true }), Status.GOOD);
  t.is(await reserveOutStatus(first, Reserve, { key: 7n, type }), Status.GOOD);
  t.is(await readStatus(await second(t, lab)), Status.RESERVATION_CONFLICT);

  const { processes, supervisor } = await lab.json<LabStatus>("status");
  for (const pid of [supervisor.pid, ...processes.map((process) => process.pid)]) {
    if (pid !== null) process.kill(pid, "SIGKILL");
  }
  await lab.must("up", lab.file);
  t.is(await readStatus(await second(t, lab)), Status.RESERVATION_CONFLICT);
  const again = await wireHost(t, await lab.url("data", "a"), "outside");
  t.is(await readStatus(again), Status.GOOD);

  t.is(await reserveOutStatus(again, Register, { key: 7n, newKey: 8n }), Status.GOOD, "without APTPL from now on");
  t.is(await readStatus(await second(t, lab)), Status.RESERVATION_CONFLICT);
  await lab.must("down");
  await lab.must("up", lab.file);
  t.is(await readStatus(await second(t, lab)), Status.GOOD);
  t.is((await lab.run(["check"])).exitCode, 0);
});

interface LabStatus {
  readonly processes: readonly { readonly pid: number | null }[];
  readonly supervisor: { readonly pid: number };
}

async function second(t: ExecutionContext, lab: TestLab) {
  return await wireHost(t, await lab.url("data", "b"), "second");
}
