/** Agents that the controller cannot kill: the real controller and agents, on clocks of their own. */
import { addAgent, removeAgent } from "@sanlab/controller/access.ts";
import { CLOCK_MARGIN } from "@sanlab/controller/agents/leases.ts";
import test from "ava";
import { DRAIN_LIMIT_MS, LEASE_MS, LeasedLab } from "../../helpers/leased-lab.ts";

const OVER_MS = LEASE_MS * (1 + CLOCK_MARGIN);
const UNAVAILABLE = { kind: "reported", report: { senseKey: 0x2, asc: 0x04, ascq: 0x0c } } as const;

test("an agent under a lease reads and writes what another does, for as long as it renews", async (t) => {
  const lab = await LeasedLab.begin(t);
  const [c, d] = [lab.agent("c"), lab.agent("d")];
  await lab.timeline.pass(1);
  t.deepEqual(await c.write(0, "by c"), { kind: "ok" });
  t.is(await d.text(0), "by c");
  await lab.timeline.pass(10 * LEASE_MS);
  t.true(c.publication.isServing);
  t.deepEqual(await d.write(0, "by d"), { kind: "ok" });
  t.is(await c.text(0), "by d");
});

test("an agent that is cut off serves until its lease is over, and then nothing, not even zeros", async (t) => {
  const lab = await LeasedLab.begin(t);
  const c = lab.agent("c");
  await lab.timeline.pass(1);
  await c.write(0, "by c");
  t.is(await c.text(1), "", "zeros");
  c.disconnect();
  await lab.timeline.pass(LEASE_MS - LEASE_MS / 4);
  t.is(await c.text(0), "by c");
  await lab.timeline.pass(LEASE_MS / 4);
  t.deepEqual(await c.read(0), UNAVAILABLE);
  t.deepEqual(await c.read(1), UNAVAILABLE);
  t.deepEqual(await c.write(0, "late"), UNAVAILABLE);
  t.false(c.publication.isServing);
});

test("I/O that waits for the controller when the lease ends fails, so that its host goes on elsewhere", async (t) => {
  const lab = await LeasedLab.begin(t);
  const c = lab.agent("c");
  await lab.timeline.pass(1);
  c.disconnect();
  const held = c.write(3, "held");
  await lab.timeline.pass(LEASE_MS);
  t.deepEqual(await held, UNAVAILABLE);
});

test("an agent paused beyond its lease issues nothing when it goes on, before it hears of anything", async (t) => {
  const lab = await LeasedLab.begin(t);
  const c = lab.agent("c");
  await lab.timeline.pass(1);
  await c.write(0, "by c");
  c.pause();
  await lab.timeline.pass(OVER_MS + 1);
  c.clock.paused = false;
  t.deepEqual(await c.write(0, "late"), UNAVAILABLE, "the first thing it does");
  t.deepEqual(await c.read(0), UNAVAILABLE);
});

test("a first write waits for a paused agent's lease to be over, and no longer; then the agent comes back as another", async (t) => {
  const lab = await LeasedLab.begin(t);
  const [c, d] = [lab.agent("c"), lab.agent("d")];
  await lab.timeline.pass(1);
  await c.write(0, "old");
  t.is(await d.text(0), "old");
  c.pause();
  let done = false;
  const writing = d.write(1, "new").then((result) => {
    done = true;
    return result;
  });
  await lab.timeline.pass(LEASE_MS);
  t.false(done, "c may still think that it has a lease");
  await lab.timeline.pass(Math.max(DRAIN_LIMIT_MS, OVER_MS) - LEASE_MS + 1);
  t.true(done);
  t.deepEqual(await writing, { kind: "ok" });
  t.is(d.publication.state(2), "unavailable", "c's ports, as d tells of them");
  c.resume();
  t.deepEqual(await c.write(0, "late"), UNAVAILABLE);
  t.is(await d.text(0), "old");
  // Its connection was closed, as it sees now.
  c.connect();
  await lab.timeline.pass(1);
  t.is(lab.core.records.agents.get("c")?.incarnation, 2);
  t.is(await c.text(1), "new");
  t.deepEqual(await c.write(0, "again"), { kind: "ok" });
  t.is(await d.text(0), "again");
  t.is(d.publication.state(2), "active");
});

for (const rate of [1 / (1 + CLOCK_MARGIN), 1, 1 + CLOCK_MARGIN]) {
  test(`nobody goes on before the agent has stopped, where its clock runs at ${rate.toFixed(2)} of the true rate`, async (t) => {
    const lab = await LeasedLab.begin(t);
    const [c, d] = [lab.agent("c", { rate }), lab.agent("d")];
    await lab.timeline.pass(1);
    await c.write(0, "old");
    c.disconnect();
    let done = false;
    void d.write(1, "new").then(() => {
      done = true;
    });
    for (let ms = 0; ms < 2 * OVER_MS; ms += 50) {
      const served = (await c.text(0)) === "old";
      t.false(done && served, `${ms} ms after it was cut off`);
      await lab.timeline.pass(50);
    }
    t.true(done);
  });
}

test("the answer to a renewal gives time from when it was asked for, however late it comes", async (t) => {
  const lab = await LeasedLab.begin(t);
  const c = lab.agent("c");
  await lab.timeline.pass(1);
  await c.write(0, "by c");
  const lease = c.core.lease;
  lease?.granted({ nonce: 1, durationMs: 1_000_000 });
  lease?.granted({ nonce: 999, durationMs: 1_000_000 });
  c.disconnect();
  await lab.timeline.pass(LEASE_MS);
  t.deepEqual(await c.read(0), UNAVAILABLE, "neither an answer once more nor one to no request counts");
});

test("a restarted controller waits a full lease for an agent that it has not heard of", async (t) => {
  const lab = await LeasedLab.begin(t);
  const [c, d] = [lab.agent("c"), lab.agent("d")];
  await lab.timeline.pass(1);
  await c.write(0, "old");
  c.disconnect();
  d.disconnect();
  await lab.timeline.pass(1000);
  await lab.startController();
  d.connect();
  let done = false;
  await lab.timeline.pass(1);
  void d.write(1, "new").then(() => {
    done = true;
  });
  await lab.timeline.pass(OVER_MS - 100);
  t.false(done);
  await lab.timeline.pass(DRAIN_LIMIT_MS);
  t.true(done);
  c.connect();
  await lab.timeline.pass(1);
  t.is(lab.core.records.agents.get("c")?.incarnation, 2);
  t.is(await c.text(1), "new");
});

test("an agent that outlives its controller goes on under its lease with the next one, as the incarnation it was", async (t) => {
  const lab = await LeasedLab.begin(t);
  const c = lab.agent("c");
  await lab.timeline.pass(1);
  await c.write(0, "by c");
  c.disconnect();
  await lab.startController();
  t.is(await c.text(0), "by c");
  c.connect();
  await lab.timeline.pass(LEASE_MS);
  t.is(await c.text(0), "by c");
  t.is(lab.core.records.agents.get("c")?.incarnation, 1);
});

test("a hello under the same name does not prove the old process dead: its lease is waited out", async (t) => {
  const lab = await LeasedLab.begin(t);
  const old = lab.agent("c");
  await lab.timeline.pass(1);
  await old.write(0, "old");
  old.pause();
  const fresh = lab.agent("c");
  await lab.timeline.pass(LEASE_MS);
  t.false(fresh.publication.isPublished);
  await lab.timeline.pass(OVER_MS - LEASE_MS + 1);
  t.is(await fresh.text(0), "old");
  old.resume();
  t.deepEqual(await old.write(0, "late"), UNAVAILABLE);
});

test("an agent that says farewell is not waited for", async (t) => {
  const lab = await LeasedLab.begin(t);
  const old = lab.agent("c");
  await lab.timeline.pass(1);
  old.core.say({ type: "farewell" });
  const fresh = lab.agent("c");
  await lab.timeline.pass(1);
  t.is(await fresh.text(0), "");
});

test("an agent that hangs in a system call when it is fenced begins anew only when the call has ended", async (t) => {
  const lab = await LeasedLab.begin(t);
  const [c, d] = [lab.agent("c"), lab.agent("d")];
  await lab.timeline.pass(1);
  await c.write(0, "old");
  const { promise, resolve } = Promise.withResolvers<void>();
  c.stuck = promise;
  const stuck = c.write(0, "stuck");
  // Whatever d needs of the controller waits for c's reference.
  c.disconnect();
  void d.write(1, "new");
  await lab.timeline.pass(OVER_MS + DRAIN_LIMIT_MS);
  c.connect();
  await lab.timeline.pass(1000);
  t.is(lab.core.records.agents.get("c")?.incarnation, 1, "no new incarnation as yet");
  resolve();
  t.deepEqual(await stuck, UNAVAILABLE, "what ended after the lease is not acknowledged");
  c.stuck = undefined;
  await lab.timeline.pass(1);
  t.is(lab.core.records.agents.get("c")?.incarnation, 2);
  t.is(await c.text(1), "new");
});

test("an agent that is removed gives back what it has, and its lease need not be waited for", async (t) => {
  const lab = await LeasedLab.begin(t);
  const c = lab.agent("c");
  await lab.timeline.pass(1);
  await c.write(0, "by c");
  const removing = removeAgent(lab.core, "c");
  await lab.timeline.pass(1);
  await removing;
  t.false(c.publication.isPublished);
  c.connect();
  await lab.timeline.pass(1);
  t.regex(c.fatal ?? "", /no agent 'c'/);
});

test("who runs where is not taken from the agent's word", async (t) => {
  const lab = await LeasedLab.begin(t);
  const process = { pid: 1, startTime: 1, lockFile: "/none" };
  const claimsToBeLocal = lab.agent("c", { process });
  const claimsToBeElsewhere = lab.agent("a");
  await lab.timeline.pass(1);
  t.regex(claimsToBeLocal.fatal ?? "", /start it with --fence lease/);
  t.regex(claimsToBeElsewhere.fatal ?? "", /add it with --remote/);
});

test("an agent by kill serves however long the controller is away, and its ports stay available", async (t) => {
  const lab = await LeasedLab.begin(t);
  const process = { pid: 1, startTime: 1, lockFile: "/none" };
  const [a, d] = [lab.agent("a", { process }), lab.agent("d")];
  await lab.timeline.pass(1);
  await a.write(0, "by a");
  a.disconnect();
  await lab.timeline.pass(100 * LEASE_MS);
  t.is(await a.text(0), "by a");
  t.is(d.publication.state(1), "active");
  lab.killed.push(process);
  a.connect();
  a.disconnect();
  await lab.timeline.pass(1000);
  t.is(d.publication.state(1), "unavailable", "its process is gone");
});

test("a lease that is too short or too long is refused in a sentence", async (t) => {
  const lab = await LeasedLab.begin(t);
  for (const leaseMs of [999, 60_001]) {
    const adding = addAgent(lab.core, { name: "e", portal: { host: "127.0.0.1", port: 0 }, remote: { leaseMs } });
    await t.throwsAsync(adding, { message: /choose 1000 to 60000 ms/ });
  }
  t.false(lab.core.records.agents.has("e"));
});
