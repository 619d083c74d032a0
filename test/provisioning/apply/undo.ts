/** `up` is all or nothing: each step of its plan fails in turn, on the real thing, and the machine is as it was. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { NO_LAB } from "sanlab/api/running-lab.ts";
import { parseLab } from "sanlab/lab/load.ts";
import { planUp } from "sanlab/plan/plan.ts";
import { activity, type Step } from "sanlab/plan/step.ts";
import { stringify } from "yaml";
import { countGuestBoot } from "../../helpers/guest.ts";
import { external, guest, labOf } from "../../helpers/lab.ts";
import { type UpSite, upSite } from "../../helpers/up.ts";

// One after another: each starts processes, and a guest in software wants the machine for itself.
const test = anyTest.serial as TestFn;

const LAB = labOf({ agents: ["a", "b"], diskSize: "64MiB", deviceSize: "128MiB" });
const GUEST_LAB = labOf({
  agents: ["a"],
  diskSize: "64MiB",
  deviceSize: "128MiB",
  hosts: { web: guest(), outside: external("outside") },
});

function stepsOf(lab: object): readonly Step[] {
  return planUp(parseLab(stringify(lab), "/x/lab.yaml"), NO_LAB).steps;
}

/** Hooks that fail the step of this number after it was done, when there is most to take back. */
function failing(number: number) {
  let at = 0;
  return {
    onDone: () => {
      if (at === number) throw new Error("the test fails this step");
      at += 1;
    },
  };
}

async function assertTakenBack(t: ExecutionContext, site: UpSite, lab: object, number: number): Promise<void> {
  await writeFile(site.labFile, stringify(lab));
  const before = await site.look();
  await t.throwsAsync(site.up(lab, { hooks: failing(number) }), { message: "the test fails this step" });
  t.deepEqual(await site.look(), before);
}

for (const [number, step] of stepsOf(LAB).entries()) {
  test(`nothing is left where this step fails: ${activity(step).replaceAll("/x/", "")}`, async (t) => {
    t.timeout(120_000);
    await assertTakenBack(t, await upSite(t), LAB, number);
  });
}

for (const [number, step] of stepsOf(GUEST_LAB).entries()) {
  if (step.kind !== "start-host" && step.kind !== "settle-host") continue;
  test(`nothing is left where a step of a lab with a guest fails: ${activity(step)}`, async (t) => {
    t.timeout(180_000);
    await countGuestBoot();
    await assertTakenBack(t, await upSite(t), GUEST_LAB, number);
  });
}

for (const kind of new Set(stepsOf(LAB).map((step) => step.kind))) {
  test(`an interrupt leaves nothing where it comes as this kind of step begins: ${kind}`, async (t) => {
    t.timeout(120_000);
    const site = await upSite(t);
    await writeFile(site.labFile, stringify(LAB));
    const before = await site.look();
    const interrupt = new AbortController();
    const onBegin = (step: Step) => {
      if (step.kind === kind) setImmediate(() => interrupt.abort());
    };
    await t.throwsAsync(site.up(LAB, { hooks: { onBegin }, signal: interrupt.signal }), { message: /^Interrupted/ });
    t.deepEqual(await site.look(), before);
  });
}

test("an `up` that fails on a running lab leaves the lab as it ran", async (t) => {
  t.timeout(180_000);
  const site = await upSite(t);
  const small = labOf({ agents: ["a"], diskSize: "64MiB", deviceSize: "128MiB" });
  await site.up(small);
  const larger = {
    ...labOf({ agents: ["a", "b"], diskSize: "64MiB", deviceSize: "128MiB" }),
    pools: {
      main: { devices: [{ path: "main-0.img", size: "128MiB" }] },
      more: { devices: [{ path: "more.img", size: "64MiB" }] },
    },
    disks: { data: { pool: "main", size: "64MiB" }, extra: { pool: "more", size: "32MiB" } },
  };
  const record = () => readFile(join(site.state, "lab.json"), "utf8");
  const before = { processes: (await site.look()).processes, record: await record() };
  const steps = ["create-pool", "create-disk", "add-agent", "set-zone", "record"];
  for (const kind of steps) {
    const onDone = (step: Step) => {
      if (step.kind === kind) throw new Error("the test fails this step");
    };
    await t.throwsAsync(site.up(larger, { hooks: { onDone } }), { message: "the test fails this step" }, kind);
    t.deepEqual({ processes: (await site.look()).processes, record: await record() }, before, kind);
    const { steps: left } = await site.up(small);
    t.deepEqual(
      left.filter((step) => step.kind !== "record"),
      [],
      kind,
    );
  }
});

test("an image that was there before is not removed with the pool that failed", async (t) => {
  t.timeout(120_000);
  const site = await upSite(t);
  const image = join(site.directory, "main-0.img");
  await writeFile(image, Buffer.alloc(128 * 1024 * 1024));
  const number = stepsOf(LAB).findIndex((step) => step.kind === "create-disk");
  await t.throwsAsync(site.up(LAB, { hooks: failing(number) }), { message: "the test fails this step" });
  t.is((await readFile(image)).length, 128 * 1024 * 1024);
});
