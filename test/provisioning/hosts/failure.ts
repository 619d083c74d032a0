/** What does not come up: a bounded wait, a report with what the guest and the agents said, and nothing left. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VmError } from "@sanlab/vm";
import anyTest, { type TestFn } from "ava";
import { UserError } from "sanlab";
import { countGuestBoot } from "../../helpers/guest.ts";
import { upSite } from "../../helpers/up.ts";

// One after another: each looks at the processes of the whole machine.
const test = anyTest.serial as TestFn;
const POOL = { main: { devices: [{ path: "main.img", size: "128MiB" }] } };

test("a host that does not boot is told with the end of its console, and everything is taken back", async (t) => {
  t.timeout(300_000);
  const site = await upSite(t);
  await writeFile(join(site.directory, "no-system.img"), Buffer.alloc(1 << 20));
  const before = (await site.look()).files.filter((file) => !file.includes("lab.yaml"));
  await countGuestBoot();
  const starting = site.up({
    lab: "failing",
    pools: POOL,
    disks: { data: { pool: "main", size: "32MiB" } },
    agents: { a: {} },
    hosts: { web: { disks: ["data"], initiator: "qemu", image: "no-system.img", patience: "20s" } },
    zones: { all: { hosts: ["web"], agents: ["a"], disks: ["data"] } },
  });
  const { details, message } = await t.throwsAsync(starting, { instanceOf: VmError });
  t.regex(message, /^Host 'web' did not come up within 20 s/);
  t.regex(details.join("\n"), /console: .*(SeaBIOS|Booting|No bootable device|not a bootable disk)/);
  const after = await site.look();
  t.deepEqual(after.processes, []);
  t.deepEqual(
    after.files.filter((file) => !file.includes("lab.yaml")),
    before,
  );
});

test("an agent that cannot have its secret is told with its log, lets nobody in, and everything is taken back", async (t) => {
  t.timeout(180_000);
  const site = await upSite(t);
  const secretFile = join(site.directory, "lab.secret");
  await writeFile(secretFile, "a-long-enough-secret\n");
  const starting = site.up(
    {
      lab: "failing",
      pools: POOL,
      disks: { data: { pool: "main", size: "32MiB" } },
      agents: { a: { chap: { user: "lab", secretFile: "lab.secret" } } },
      hosts: { outside: { disks: ["data"], iqn: "iqn.2026-11.example:outside", external: true } },
      zones: { all: { hosts: ["outside"], agents: ["a"], disks: ["data"] } },
    },
    // The file was right when the lab file was checked, and is gone when the agent starts.
    { onPlan: () => void rm(secretFile) },
  );
  const error = await t.throwsAsync(starting, { instanceOf: UserError });
  t.regex(
    error.message,
    /Agent 'a' cannot serve all that it should: The CHAP secret of 'lab' cannot be read from .*lab\.secret \(ENOENT\)/,
  );
  t.regex(error.details.join("\n"), /log: .*welcomed as incarnation/);
  t.deepEqual((await site.look()).processes, []);
});
