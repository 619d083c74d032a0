/**
 * Power is lost at random moments under load, with snapshots and migrations: everything dies, and of the
 * devices and the controller's tables only what was synced is sure to be there again (docs/crash-tests.md).
 *
 * SANLAB_CRASH_SEED chooses the run, SANLAB_CRASH_ROUNDS its length.
 */
import { randomInt } from "node:crypto";
import test from "ava";
import { CrashLab } from "../helpers/crash/crash-lab.ts";
import { VolatileStorage } from "../helpers/volatile/storage.ts";

const ROUNDS = Number(process.env.SANLAB_CRASH_ROUNDS ?? 100);
const SEED = Number(process.env.SANLAB_CRASH_SEED ?? randomInt(2 ** 31));

test("what was flushed outlives a hundred losses of power, and no table is damaged", async (t) => {
  t.timeout(1_800_000);
  t.log(`SANLAB_CRASH_SEED=${SEED}`);
  const storage = await VolatileStorage.mount(t);
  const sum = { lost: 0, kept: 0, torn: 0 };
  const lab: CrashLab = await CrashLab.start(t, {
    seed: SEED,
    surety: "flushed",
    directory: storage.directory,
    between: async () => {
      const { lost, kept, torn } = await storage.cut(SEED + lab.sums.rounds);
      sum.lost += lost;
      sum.kept += kept;
      sum.torn += torn;
    },
  });
  for (let round = 0; round < ROUNDS; round += 1) await lab.round(lab.daemons.names);
  await lab.finish();
  t.log({ ...lab.sums, ...lab.administrator.done, ...sum });
  t.true(lab.sums.answered > ROUNDS, "hosts were served between the losses");
  t.true(sum.lost > ROUNDS && sum.torn > 0, "there was something to lose");
});
