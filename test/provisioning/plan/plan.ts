/** What `up` plans for a lab, from what its file says and what is there. */
import test from "ava";
import { NO_LAB, type RunningLab } from "sanlab/api/running-lab.ts";
import { hostRecord } from "sanlab/hosts/record.ts";
import type { Lab } from "sanlab/lab/lab.ts";
import { declaredBy } from "sanlab/plan/declared.ts";
import { isChange, planUp } from "sanlab/plan/plan.ts";
import { sentence } from "sanlab/plan/step.ts";
import { LAB, MIB, OUTSIDE, runningAs, WEB } from "./fixtures/lab.ts";

/** What the plan changes, in sentences. */
function changes(lab: Lab, running: RunningLab, prune = false): string[] {
  const plan = planUp(lab, running, { prune });
  if (plan.conflicts.length > 0) return [...plan.conflicts];
  return plan.steps.filter(isChange).map(sentence);
}

test("faults are added last, a fault with another text is changed, and one that the file no longer has is left alone", (t) => {
  const slow = { name: "slow", text: "on disk=data do delay 10ms" };
  const faulty: Lab = { ...LAB, faults: [slow] };
  const last = planUp(faulty, runningAs(LAB)).steps.at(-1);
  t.deepEqual(last, { kind: "set-fault", fault: slow, before: null });
  t.deepEqual(planUp(faulty, runningAs(faulty)).steps.filter(isChange), []);
  const slower = { ...slow, text: "on disk=data do delay 20ms" };
  const changed = planUp({ ...LAB, faults: [slower] }, runningAs(faulty)).steps.filter(isChange);
  t.deepEqual(changed, [{ kind: "set-fault", fault: slower, before: slow.text }]);
  t.is(sentence(changed[0] as never), "change fault 'slow': on disk=data do delay 20ms");
  t.deepEqual(planUp(LAB, runningAs(faulty)).leftAlone, [{ kind: "clear-fault", fault: "slow" }]);
  t.true(planUp(LAB, runningAs(faulty), { prune: true }).steps.some(({ kind }) => kind === "clear-fault"));
});

test("a lab that is not there is made from the ground up, its guests last", (t) => {
  t.deepEqual(changes(LAB, NO_LAB), [
    "create the state directory of lab 'test'",
    "start the supervisor and the controller",
    "create pool 'main' with segments of 1MiB on /labs/0.img (64MiB)",
    "create the thin disk 'data' of 32MiB in pool 'main'",
    "start agent 'a' at a free port of 127.0.0.1",
    "let in host 'web' as iqn.2026-11.example:web",
    "let in host 'outside' as iqn.2026-11.example:outside",
    "create zone 'all': hosts web, outside; agents a; disks data",
    "show disk 'data' to host 'web'",
    "show disk 'data' to host 'outside'",
    "start the guest of host 'web' (256MiB, open-iscsi)",
  ]);
});

test("a lab that has what its file says needs no change, and its guests are still looked after", (t) => {
  const { steps, leftAlone } = planUp(LAB, runningAs(LAB));
  t.deepEqual(steps.filter(isChange), []);
  t.true(steps.some((step) => step.kind === "settle-host" && step.host.name === "web"));
  t.false(steps.some((step) => step.kind === "settle-host" && step.host.name === "outside"));
  t.deepEqual(leftAlone, []);
});

test("the plan is idempotent for every part of a lab that is missing", (t) => {
  const full = runningAs(LAB);
  const parts = ["pools", "disks", "agents", "hosts", "exports", "zones", "qemuHosts"] as const;
  for (const part of parts) {
    const steps = planUp(LAB, { ...full, [part]: [] }).steps.filter(isChange);
    t.true(steps.length > 0, part);
  }
});

test("a guest that died is started again, one that was stopped too", (t) => {
  const running = runningAs(LAB);
  const stopped = { ...running, qemuHosts: [{ record: hostRecord(WEB, "stopped"), isRunning: false }] };
  t.deepEqual(changes(LAB, stopped), ["start the guest of host 'web' (256MiB, open-iscsi)"]);
});

test("another memory size waits for the guest's next start", (t) => {
  const lab = { ...LAB, hosts: [{ ...WEB, memoryMiB: 512 }, OUTSIDE] };
  t.deepEqual(changes(lab, runningAs(LAB)), ["give host 'web' from its next start on: 512MiB, open-iscsi"]);
});

test("growth, which cannot be taken back, comes after all that can", (t) => {
  const lab: Lab = {
    ...LAB,
    pools: [
      {
        name: "main",
        segmentBytes: MIB,
        queueWhenFullMs: 0,
        devices: [...(LAB.pools[0]?.devices ?? []), { path: "/labs/1.img", sizeBytes: 64 * MIB }],
      },
    ],
    disks: [{ name: "data", pool: "main", sizeBytes: 64 * MIB, thick: false }],
    agents: [...LAB.agents, { name: "b", portal: { host: "127.0.0.1", port: 0 } }],
  };
  t.deepEqual(changes(lab, runningAs(LAB)), [
    "start agent 'b' at a free port of 127.0.0.1",
    "add /labs/1.img (64MiB) to pool 'main'",
    "grow disk 'data' from 32MiB to 64MiB",
  ]);
});

test("a pool grows first where a new thick disk may need it", (t) => {
  const lab: Lab = {
    ...LAB,
    pools: [
      {
        name: "main",
        segmentBytes: MIB,
        queueWhenFullMs: 0,
        devices: [...(LAB.pools[0]?.devices ?? []), { path: "/labs/1.img", sizeBytes: 64 * MIB }],
      },
    ],
    disks: [...LAB.disks, { name: "thick", pool: "main", sizeBytes: 64 * MIB, thick: true }],
  };
  t.deepEqual(changes(lab, runningAs(LAB)), [
    "add /labs/1.img (64MiB) to pool 'main'",
    "create the thick disk 'thick' of 64MiB in pool 'main'",
  ]);
});

test("a zone gets the members that the file gives it", (t) => {
  const lab = { ...LAB, zones: [{ name: "all", hosts: ["web"], agents: ["a"], disks: ["data"], members: [] }] };
  t.deepEqual(changes(lab, runningAs(LAB)), ["change zone 'all': hosts web; agents a; disks data"]);
});

test("without --prune what the file no longer has is named and left alone", (t) => {
  const lab: Lab = { ...LAB, disks: [], hosts: [], agents: [], zones: [] };
  const plan = planUp(lab, runningAs(LAB));
  t.deepEqual(plan.steps.filter(isChange), []);
  t.deepEqual(plan.leftAlone.map(sentence), [
    "stop the guest of host 'web'",
    "no longer show disk 'data' to host 'web'",
    "no longer show disk 'data' to host 'outside'",
    "delete zone 'all'",
    "delete host 'web'",
    "delete host 'outside'",
    "stop and remove agent 'a'",
    "delete disk 'data' with all its data",
  ]);
  t.deepEqual(changes(lab, runningAs(LAB), true), plan.leftAlone.map(sentence));
});

test("--prune leaves alone what commands made", (t) => {
  const running = { ...runningAs(LAB), declared: { ...declaredBy(LAB), disks: [] } };
  const lab = { ...LAB, disks: [], hosts: [], zones: [] };
  t.false(changes(lab, running, true).some((text) => text.includes("delete disk")));
});

test("what an earlier file declared is still known to a later --prune", (t) => {
  const smaller = { ...LAB, hosts: [WEB] };
  const record = planUp(smaller, runningAs(LAB)).steps.find((step) => step.kind === "record");
  t.deepEqual(record?.kind === "record" && record.declared.hosts, ["web", "outside"]);
  const pruned = planUp(smaller, runningAs(LAB), { prune: true })
    .steps.filter((step) => step.kind === "record")
    .at(-1);
  t.deepEqual(pruned?.kind === "record" && pruned.declared.hosts, ["web"]);
});

test("an agent of another machine joins behind the controller's door; neither changes by itself", (t) => {
  const remote = { name: "c", portal: { host: "192.0.2.2", port: 3260 }, remote: true as const };
  const lab = { ...LAB, agents: [...LAB.agents, remote], listen: { host: "192.0.2.1", port: 7443 } };
  t.deepEqual(changes(lab, runningAs(LAB)), [
    "let agents of other machines reach the controller at 192.0.2.1:7443",
    "let agent 'c' of another machine join",
  ]);
  const listener = { url: "https://192.0.2.1:7443", names: ["192.0.2.1"], ca: "" };
  const running = runningAs(lab);
  const present = {
    ...running,
    listener,
    agents: running.agents.map((agent) => (agent.name === "c" ? { ...agent, elsewhere: true, leaseMs: 8000 } : agent)),
  };
  t.deepEqual(changes(lab, present), []);
  const moved = { ...present, listener: { ...listener, url: "https://192.0.2.1:7444" } };
  t.regex(
    changes(lab, moved)[0] ?? "",
    /reached by other machines at https:\/\/192\.0\.2\.1:7444 .*sanlab agent listen/,
  );
  t.regex(
    changes({ ...lab, agents: [...LAB.agents, { ...remote, lease: { leaseMs: 4000 } }] }, present)[0] ?? "",
    /leases of 8 s/,
  );
  t.regex(changes(lab, { ...present, agents: running.agents })[0] ?? "", /'c' runs on this machine/);
});

test("tables of disks are made before hosts are shown them, and deleted before their disks", (t) => {
  const [data] = LAB.disks as readonly [(typeof LAB.disks)[number]];
  const [host] = LAB.hosts as readonly [(typeof LAB.hosts)[number]];
  const tables = [{ name: "part", ranges: [{ first: 0, count: 4 }] }];
  const part = `${data.name}/part`;
  const shown: Lab = {
    ...LAB,
    disks: [{ ...data, tables }, ...LAB.disks.slice(1)],
    hosts: [{ ...host, disks: [...host.disks, part] }, ...LAB.hosts.slice(1)],
  };
  t.deepEqual(changes(shown, runningAs(LAB)), [
    `create table 'part' of disk '${data.name}': segments 0-3`,
    `show table 'part' of disk '${data.name}' to host '${host.name}'`,
  ]);
  t.deepEqual(changes(shown, runningAs(shown)), []);
  t.deepEqual(changes(LAB, runningAs(shown), true), [
    `no longer show table 'part' of disk '${data.name}' to host '${host.name}'`,
    `delete table 'part' of disk '${data.name}'`,
  ]);
  const beyond = [{ name: "part", ranges: [{ first: 0, count: 1000 }] }];
  const [conflict = ""] = changes({ ...shown, disks: [{ ...data, tables: beyond }] }, runningAs(shown));
  t.regex(conflict, /has the segments 0-3, and the file says 0-999: a table never changes/);
});

test("a table over what its disk gets by growing is made and shown once it has grown, which is done last", (t) => {
  const [data] = LAB.disks as readonly [(typeof LAB.disks)[number]];
  const tables = [
    { name: "old", ranges: [{ first: 0, count: 4 }] },
    { name: "both", ranges: [{ first: 28, count: 8 }] },
  ];
  const grown: Lab = {
    ...LAB,
    disks: [{ ...data, sizeBytes: 40 * MIB, tables }],
    agents: [...LAB.agents, { name: "b", portal: { host: "127.0.0.1", port: 0 } }],
    hosts: [{ ...WEB, disks: ["data", "data/old", "data/both"] }, OUTSIDE],
  };
  t.deepEqual(changes(grown, runningAs(LAB)), [
    "create table 'old' of disk 'data': segments 0-3",
    "start agent 'b' at a free port of 127.0.0.1",
    "show table 'old' of disk 'data' to host 'web'",
    "grow disk 'data' from 32MiB to 40MiB",
    "create table 'both' of disk 'data': segments 28-35",
    "show table 'both' of disk 'data' to host 'web'",
  ]);
  // The guest is waited for again when it is to see what came last.
  t.like(planUp(grown, runningAs(LAB)).steps.at(-1), { kind: "settle-host", host: { name: "web" } });
  t.deepEqual(changes(grown, runningAs(grown)), []);
});
