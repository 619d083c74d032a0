/** `up` is all or nothing: each step of its plan fails in turn, on the real thing, and the machine is as it was. */
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { ApiClient } from "sanlab/api/client.ts";
import { NO_LAB } from "sanlab/api/running-lab.ts";
import { readHostRecords } from "sanlab/hosts/record.ts";
import { parseLab } from "sanlab/lab/load.ts";
import { type Plan, planUp } from "sanlab/plan/plan.ts";
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

test("a port that is taken between the plan and its agent is told, and nothing is left", async (t) => {
  t.timeout(120_000);
  const site = await upSite(t);
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  other.close();
  await once(other, "close");
  const lab = { ...LAB, agents: { a: { portal: `127.0.0.1:${port}` }, b: { portal: "127.0.0.1:0" } } };
  await writeFile(site.labFile, stringify(lab));
  const before = await site.look();
  const onBegin = (step: Step) => void (step.kind === "create-pool" && other.listen(port, "127.0.0.1"));
  await t.throwsAsync(site.up(lab, { hooks: { onBegin } }), {
    message: `The portal 127.0.0.1:${port} of agent 'a' is in use by another program: free it, or give the agent another port (0 takes any free one).`,
  });
  other.close();
  await once(other, "close");
  t.deepEqual(await site.look(), before);
});

/** A running lab as it is to be again: without sizes of tables, and without logs, which tell why something was taken back. */
async function lookAtRunning(site: UpSite) {
  const { files, processes, ports } = await site.look();
  const api = new ApiClient(site.state);
  const resources = ["pools", "disks", "agents", "hosts", "zones", "exports"];
  return {
    files: files.map((line) => line.replace(/ \d+$/, "")).filter((file) => !file.includes("/state/logs/")),
    processes,
    ports,
    record: await readFile(join(site.state, "lab.json"), "utf8"),
    hosts: await readHostRecords(site.state),
    tables: await Promise.all(resources.map((name) => api.get(`/${name}`))),
  };
}

/** What cannot be taken back fails before it is done: it is in the plan behind all that can. */
const LASTING = ["grow-pool", "resize-disk"];

/** Has each step of the `up` from a running lab to `lab` fail in turn, and looks at what is there then. */
async function assertEachTakenBack(t: ExecutionContext, site: UpSite, lab: object): Promise<Step["kind"][]> {
  const steps: Step[] = [];
  for (let number = 0; number === 0 || number < steps.length; number += 1) {
    const before = await lookAtRunning(site);
    const fail = (step: Step) => {
      if (step === steps[number]) throw new Error("the test fails this step");
    };
    const hooks = {
      onBegin: (step: Step) => (LASTING.includes(step.kind) ? fail(step) : undefined),
      onDone: (step: Step) => fail(step),
    };
    const onPlan = (plan: Plan) => void steps.splice(0, steps.length, ...plan.steps);
    await t.throwsAsync(site.up(lab, { hooks, onPlan }), { message: "the test fails this step" });
    const step = steps[number] as Step;
    t.deepEqual(await lookAtRunning(site), before, step.kind);
    if (LASTING.includes(step.kind)) break;
  }
  return steps.map(({ kind }) => kind);
}

test("an `up` that fails at any step on a running lab leaves the lab as it ran", async (t) => {
  t.timeout(180_000);
  const site = await upSite(t);
  const image = (path: string) => ({ path, size: "128MiB" });
  const small = labOf({ agents: ["a"], diskSize: "64MiB", deviceSize: "128MiB" });
  await site.up(small);
  const kinds = await assertEachTakenBack(t, site, {
    lab: "test",
    pools: { main: { devices: [image("main-0.img"), image("main-1.img")] }, more: { devices: [image("more.img")] } },
    disks: { data: { pool: "main", size: "96MiB" }, extra: { pool: "more", size: "32MiB" } },
    agents: { a: { portal: "127.0.0.1:0" }, b: { portal: "127.0.0.1:0" } },
    hosts: { outside: external("outside"), other: { ...external("other"), disks: ["data", "extra"] } },
    zones: { all: { hosts: ["outside", "other"], agents: ["a", "b"], disks: ["data", "extra"] } },
  });
  const expected = "create-pool create-disk add-agent add-host set-zone export-disk export-disk record grow-pool";
  t.deepEqual(kinds.join(" "), `${expected} resize-disk`);
  const { steps } = await site.up(small);
  t.deepEqual(
    steps.filter((step) => step.kind !== "record"),
    [],
  );
});

test("an `up` that fails at any step on a running lab with a guest leaves the guest as it ran", async (t) => {
  t.timeout(180_000);
  const site = await upSite(t);
  await countGuestBoot();
  await site.up(GUEST_LAB);
  const kinds = await assertEachTakenBack(t, site, {
    ...GUEST_LAB,
    hosts: { web: { ...guest(), memory: "320MiB" }, outside: external("outside") },
  });
  t.deepEqual(kinds, ["change-host", "settle-host", "record"]);
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
