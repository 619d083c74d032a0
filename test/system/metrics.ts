/** What is counted, as Prometheus, `top` and `session list` show it, with QEMU's initiator at work. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { METRICS } from "@sanlab/controller/metrics/prometheus.ts";
import test from "ava";
import { labOf, testLab } from "../helpers/lab.ts";
import { openDisk } from "../helpers/qemu-io.ts";

const PAGE = new URL("../../docs/metrics.md", import.meta.url);

/** The lines of a metric with these labels, and their values. */
function values(text: string, name: string, labels: Readonly<Record<string, string>>): number[] {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  const lines = text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)));
  return lines.map((line) => Number(line.split(" ").at(-1)));
}

test("counters per disk, agent, path and fault are there for Prometheus, and for those who have the token only", async (t) => {
  t.timeout(120_000);
  const lab = await testLab(t);
  await lab.up(labOf({ agents: ["a", "b"], diskSize: "16MiB", deviceSize: "64MiB" }));
  const disk = await openDisk(t, await lab.url("data", "a"), "iqn.2026-11.example:outside");
  await lab.must("fault", "add", "--name", "slow", "on", "op=write", "do", "delay", "1ms");
  await disk.write(0, 65_536, 0x5a);
  await disk.expectPattern(0, 65_536, 0x5a);

  const state = join(lab.directory, "state");
  const { url } = JSON.parse(await readFile(join(state, "controller.json"), "utf8")) as { url: string };
  const token = (await readFile(join(state, "token"), "utf8")).trim();
  t.is((await fetch(`${url}/metrics`)).status, 401);
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  t.regex(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  const text = await answer.text();
  t.deepEqual(values(text, "sanlab_disk_written_bytes_total", { disk: "data", agent: "a" }), [65_536]);
  t.deepEqual(values(text, "sanlab_disk_writes_total", { disk: "data", agent: "b" }), [0]);
  t.deepEqual(values(text, "sanlab_agent_up", { agent: "b" }), [1]);
  t.deepEqual(values(text, "sanlab_path_sessions", { host: "outside", agent: "a" }), [1]);
  t.true((values(text, "sanlab_path_received_bytes_total", { host: "outside" })[0] ?? 0) >= 65_536);
  t.true((values(text, "sanlab_injected_fired_total", { fault: "slow", agent: "a" })[0] ?? 0) >= 1);
  t.deepEqual(values(text, "sanlab_pool_used_segments", { pool: "main" }), [1]);
  for (const { name } of METRICS) t.true(text.includes(`# TYPE ${name} `), name);

  const writing = (async () => {
    for (let round = 0; round < 40; round += 1) await disk.write(0, 65_536, 0x5a);
  })();
  const top = await lab.json<{ seconds: number; disks: { agent: string; writes: number }[] }>(
    "top",
    "--interval",
    "300ms",
  );
  t.true(top.seconds > 0.2);
  t.deepEqual(
    top.disks.map(({ agent }) => agent),
    ["a", "b"],
  );
  await writing;
  t.regex(await lab.must("top", "--once", "--interval", "100ms"), /DISK +AGENT +READS\/S.*HOST +AGENT +SESSIONS/s);
  const [session] = await lab.json<Record<string, unknown>[]>("session", "list");
  t.like(session, { agent: "a", initiator: "iqn.2026-11.example:outside", headerDigest: false, queue: 0 });
  t.is(typeof session?.commandsPerSecond, "number");
});

test("the page on metrics names every one", async (t) => {
  const page = await readFile(PAGE, "utf8");
  for (const { name, kind, labels, help } of METRICS) {
    t.true(page.includes(`| \`${name}\` | ${kind} | ${labels.join(", ")} | ${help} |`), name);
  }
});
