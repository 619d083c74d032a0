/** What `up` cannot change in a lab that is there: refused in a sentence. */
import test from "ava";
import type { Lab } from "sanlab/lab/lab.ts";
import { planUp } from "sanlab/plan/plan.ts";
import { LAB, MIB, OUTSIDE, runningAs, WEB } from "./fixtures/lab.ts";

const CONFLICTS: readonly (readonly [what: string, lab: Lab, pattern: RegExp])[] = [
  ["another lab's state", { ...LAB, name: "other" }, /that of lab 'test', and the file describes lab 'other'/],
  [
    "a smaller disk",
    { ...LAB, disks: [{ name: "data", pool: "main", sizeBytes: 16 * MIB, thick: false }] },
    /^Disk 'data' has 32MiB, and the file says 16MiB: disks are never shrunk/,
  ],
  [
    "a thick disk for a thin one",
    { ...LAB, disks: [{ name: "data", pool: "main", sizeBytes: 32 * MIB, thick: true }] },
    /^Disk 'data' is thin, and the file says thick/,
  ],
  [
    "another segment size",
    {
      ...LAB,
      pools: [{ name: "main", segmentBytes: 2 * MIB, queueWhenFullMs: 0, devices: LAB.pools[0]?.devices ?? [] }],
    },
    /^Pool 'main' has segments of 1MiB, and the file says 2MiB/,
  ],
  [
    "a device of another size",
    {
      ...LAB,
      pools: [
        {
          name: "main",
          segmentBytes: MIB,
          queueWhenFullMs: 0,
          devices: [{ path: "/labs/0.img", sizeBytes: 128 * MIB }],
        },
      ],
    },
    /^Device \/labs\/0.img of pool 'main' has 64MiB, and the file says 128MiB/,
  ],
  [
    "another portal",
    { ...LAB, agents: [{ name: "a", portal: { host: "127.0.0.1", port: 3260 } }] },
    /^Agent 'a' was given the portal 127.0.0.1:0, and the file says 127.0.0.1:3260/,
  ],
  [
    "another advertised address",
    { ...LAB, agents: [{ name: "a", portal: { host: "127.0.0.1", port: 0 }, advertise: { host: "san" } }] },
    /^Agent 'a' advertises nothing, and the file says san/,
  ],
  [
    "another iSCSI name",
    { ...LAB, hosts: [{ ...WEB, iqn: "iqn.2026-11.example:x" }, OUTSIDE] },
    /^Host 'web' is known as/,
  ],
  ["a guest that becomes external", { ...LAB, hosts: [{ ...WEB, external: true }, OUTSIDE] }, /^Host 'web' is a guest/],
];

for (const [what, lab, pattern] of CONFLICTS) {
  test(`${what} is refused in a sentence, and nothing is done`, (t) => {
    const plan = planUp(lab, runningAs(LAB));
    t.deepEqual(plan.steps, []);
    t.is(plan.conflicts.length, 1);
    t.regex(plan.conflicts[0] ?? "", pattern);
  });
}
