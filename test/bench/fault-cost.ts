/** What faults on demand cost whoever sets none: processor time of an agent, by reads, in turns. */
import { type Ours, startOurs } from "./contenders.ts";
import { fillInTurns, iscsiPerf } from "./initiators.ts";
import { dropPages } from "./memory-limit.ts";
import { holding } from "./open-things.ts";
import { cpuOfReads } from "./rows.ts";

const SIZE_MIB = 64;
/** One after the other, so that what else the machine does falls on both alike. */
const TURNS = 3;
const WITHOUT = `--import ${new URL("without-faults.mjs", import.meta.url).pathname}`;

/** With no fault set, against an agent that does not ask for faults at all. */
export async function noFaultCost(_: Ours, seconds: number): Promise<number> {
  return holding(
    () => startOurs(SIZE_MIB),
    (plain) =>
      holding(
        () => startOurs(SIZE_MIB, { NODE_OPTIONS: WITHOUT }),
        (without) => costAgainst(plain, without, seconds),
      ),
  );
}

async function costAgainst(plain: Ours, without: Ours, seconds: number): Promise<number> {
  if ((await matchesOfProbe(without)) > 0) throw new Error("The agent that was to be without faults asks for them.");
  // The same of the other: what is compiled meanwhile is no cost of faults.
  if ((await matchesOfProbe(plain)) === 0) throw new Error("An agent's faults match no reads.");
  await makeAlike([plain, without]);
  for (const each of [plain, without]) await cpuOfReads(each, seconds);
  return ratio(
    () => cpuOfReads(plain, seconds),
    () => cpuOfReads(without, seconds),
  );
}

/** With a fault set for the other disk, against none set. */
export async function elsewhereCost(ours: Ours, seconds: number): Promise<number> {
  const without = () => cpuOfReads(ours, seconds);
  const armed = async () => {
    await ours.lab.must("fault", "add", "--name", "elsewhere", "on disk=second do delay 1s");
    const cost = await cpuOfReads(ours, seconds);
    await ours.lab.must("fault", "clear", "elsewhere");
    return cost;
  };
  return ratio(armed, without);
}

async function ratio(one: () => Promise<number>, against: () => Promise<number>): Promise<number> {
  let [ours, theirs] = [0, 0];
  for (let turn = 0; turn < TURNS; turn += 1) {
    ours += await one();
    theirs += await against();
  }
  return ours / theirs;
}

/** What the page cache has of their disks. */
async function makeAlike(agents: readonly Ours[]): Promise<void> {
  for (const { images } of agents) for (const image of images) await dropPages(image);
  await fillInTurns(
    agents.map(({ url }) => url),
    SIZE_MIB,
  );
}

/** How many reads of some met a fault that any of them would meet; it is taken away again. */
async function matchesOfProbe({ lab, url }: Ours): Promise<number> {
  await lab.must("fault", "add", "--name", "probe", "on disk=first do delay 1ms");
  await iscsiPerf(url, { bytes: 4096, depth: 1, seconds: 1 });
  const [probe] = await lab.json<{ matched: number }[]>("fault", "list");
  await lab.must("fault", "clear", "probe");
  return probe?.matched ?? 0;
}
