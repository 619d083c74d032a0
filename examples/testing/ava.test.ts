// A path to a disk fails while a guest writes, and comes back: run with `npx ava examples/testing/ava.test.ts`.
import test from "ava";
import { lab } from "sanlab";

test("a guest writes on while one of its two paths is gone", async (t) => {
  t.timeout(600_000);
  await using san = await lab({
    pools: { main: { devices: [{ path: "main.img", size: "256MiB" }] } },
    disks: { data: { pool: "main", size: "64MiB" } },
    agents: { a: {}, b: {} },
    hosts: { web: { disks: ["data"], nics: 2 } },
    zones: { all: { hosts: ["web"], agents: ["a", "b"], disks: ["data"] } },
  });
  const web = san.host("web");
  const paths = async (state: string) => (await web.sh("multipathd show paths format '%t'")).split(state).length - 1;
  t.is(await paths("active"), 2);

  await web.link(2, "down");
  await web.sh("dd if=/dev/urandom of=/dev/mapper/mpatha bs=1M count=4 oflag=direct", { timeoutMs: 300_000 });
  await san.until("the second path has failed", async () => (await paths("failed")) === 1, { timeoutMs: 120_000 });

  await web.link(2, "up");
  await san.until("both paths are back", async () => (await paths("active")) === 2, { timeoutMs: 120_000 });
});
