/**
 * The mapping protocol as a Spin model (docs/model.md): every state of each scope is visited and no
 * assertion fails; and each rule that a mutant of the model leaves out is missed by an assertion.
 */
import test from "ava";
import { verify } from "../helpers/spin.ts";

const MODEL = new URL(".", import.meta.url).pathname;
const EFFORT = { memoryMiB: 1500, depth: 100_000, timeoutMs: 240_000 };

const FIRST_WRITE = ["-DMAX_WRITES=1", "-DLOCATIONS=1"];
const UNMAP = [...FIRST_WRITE, "-DMAX_UNMAPS=1"];
/** What is held may be given up, so that a host goes on to other I/O while its fault is served. */
const GIVEN_UP = ["-DMAX_WRITES=2", "-DONE_DISK", "-DLOCATIONS=1", "-DGIVES_UP"];
const TWO_DISKS = ["-DMAX_WRITES=2", "-DMAX_UNMAPS=1"];
const SNAPSHOT = ["-DMAX_WRITES=1", "-DMAX_SNAPSHOTS=1"];
const LEASE = [...UNMAP, "-DLEASE", "-DBEGIN_MAPPED", "-DMAX_DEATHS=1"];
const CRASH = "-DMAX_CRASHES=1";
const DEATH = "-DMAX_DEATHS=1";

/** As docs/model.md lists them. */
const SCOPES: Readonly<Record<string, readonly string[]>> = {
  "first writes and unmaps of two disks that take locations from each other": TWO_DISKS,
  "first writes whose hosts give up and go on": GIVEN_UP,
  "first writes and unmaps while controller and agents die": [...UNMAP, CRASH, DEATH],
  "copies on write and deletion of a disk and its snapshot": [
    ...SNAPSHOT,
    "-DMAX_WRITES=2",
    "-DMAX_DELETIONS=1",
    "-DGIVES_UP",
  ],
  "a second snapshot right after the first one has gone": [
    ...SNAPSHOT,
    "-DMAX_WRITES=2",
    "-DMAX_SNAPSHOTS=2",
    "-DMAX_DELETIONS=1",
  ],
  "snapshots and copies on write while the controller dies": [...SNAPSHOT, CRASH],
  "snapshots and copies on write while agents die": [...SNAPSHOT, DEATH],
  "an agent under a lease that is paused, cut off and fenced": LEASE,
  "an agent under a lease whose controller dies": [...LEASE, CRASH],
};

/** What each leaves out, and the smallest scope that shows what comes of it. */
const MUTANTS: Readonly<Record<string, readonly string[]>> = {
  MUTANT_NO_DRAIN: UNMAP,
  MUTANT_NO_ORDER: UNMAP,
  MUTANT_NO_EPOCH_CHECK: [...UNMAP, CRASH],
  MUTANT_GRANT_BEFORE_COMMIT: FIRST_WRITE,
  MUTANT_NO_WAIT_AT_FIRST_WRITE: FIRST_WRITE,
  MUTANT_WRITABLE_AT_ONCE: GIVEN_UP,
  MUTANT_FREE_BEFORE_DRAIN: UNMAP,
  MUTANT_NO_ZEROING: [...TWO_DISKS, "-DLOCATIONS=1"],
  MUTANT_FENCE_UNSEEN: [...UNMAP, DEATH],
  MUTANT_ACT_BEFORE_RETURN: [...FIRST_WRITE, CRASH],
  MUTANT_SNAPSHOT_GRANTS: [...SNAPSHOT, DEATH],
  MUTANT_SKIP_560: [...SNAPSHOT, "-DMAX_WRITES=2", "-DGIVES_UP"],
  MUTANT_NO_LEASE_CHECK: LEASE,
  MUTANT_LEASE_FROM_ANSWER: LEASE,
  MUTANT_NO_NONCE: LEASE,
  MUTANT_SHORT_MARGIN: LEASE,
  MUTANT_NO_FULL_LEASE: [...LEASE, CRASH],
  MUTANT_PAUSE_IN_CALL: LEASE,
};

for (const [scope, flags] of Object.entries(SCOPES)) {
  test.serial(`no state of the model breaks a rule: ${scope}`, async (t) => {
    t.timeout(300_000);
    const verdict = await verify(MODEL, flags, EFFORT);
    t.is(verdict.violation, undefined, verdict.output);
    t.is(verdict.errors, 0, verdict.output);
    t.true(verdict.complete, verdict.output);
    t.log(`${verdict.states} states`);
  });
}

for (const [mutant, flags] of Object.entries(MUTANTS)) {
  test.serial(`the model misses the rule that ${mutant} leaves out`, async (t) => {
    t.timeout(300_000);
    const verdict = await verify(MODEL, [...flags, `-D${mutant}`], { ...EFFORT, assertionsOnly: true });
    t.is(verdict.errors, 1, verdict.output);
    t.regex(verdict.violation ?? "", /assertion violated/);
    t.true(verdict.trail);
  });
}
