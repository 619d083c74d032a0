/**
 * SIGKILL at random moments, of the controller, of agents, and of both, under load, with snapshots and
 * migrations: contents as the model has them, tables consistent, a hundred times.
 *
 * SANLAB_CRASH_SEED chooses the run, SANLAB_CRASH_ROUNDS its length.
 */
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { CrashLab } from "../helpers/crash/crash-lab.ts";

const ROUNDS = Number(process.env.SANLAB_CRASH_ROUNDS ?? 100);
const SEED = Number(process.env.SANLAB_CRASH_SEED ?? randomInt(2 ** 31));
const VICTIMS = [
  ["controller"],
  ["controller"],
  ["controller"],
  ["a"],
  ["b"],
  ["controller", "a"],
  ["b", "controller"],
  ["a", "b"],
  ["controller", "a", "b"],
] as const;

test("what was acknowledged outlives a hundred kills of controller and agents, and no table is damaged", async (t) => {
  t.timeout(1_800_000);
  t.log(`SANLAB_CRASH_SEED=${SEED}`);
  const directory = await mkdtemp(join(tmpdir(), "sanlab-killed-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const lab = await CrashLab.start(t, { seed: SEED, surety: "acknowledged", directory });
  for (let round = 0; round < ROUNDS; round += 1) await lab.round(lab.chance.pick(VICTIMS));
  await lab.finish();
  t.log({ ...lab.sums, ...lab.administrator.done });
  t.true(lab.sums.answered > ROUNDS, "hosts were served between the deaths");
});
