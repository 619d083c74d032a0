/** Agents and controller as they are, in a simulated world: every rule holds in every run (docs/simulation.md). */
import test from "ava";
import { Chance } from "./engine/chance.ts";
import { Scheduler } from "./engine/scheduler.ts";
import { Trace } from "./engine/trace.ts";
import { BlockHistory, type BlockWrite } from "./model/history.ts";
import { simulate } from "./run/simulate.ts";

const SEEDS = { first: 1, last: 2000 };

test("every rule holds in every seed", async (t) => {
  t.timeout(900_000);
  let commands = 0;
  for (let seed = SEEDS.first; seed <= SEEDS.last; seed += 1) {
    const outcome = await simulate(seed);
    commands += outcome.commands;
    if (outcome.violation !== undefined) {
      t.log(outcome.trace.join("\n"));
      t.fail(`seed ${seed}: ${outcome.violation.message}\nagain: npm run simulate -- --seed ${seed}`);
      return;
    }
  }
  t.true(commands > (SEEDS.last - SEEDS.first) * 10, `${commands} commands were carried out`);
});

test("the same seed is the same run, event for event", async (t) => {
  for (const seed of [7, 21, 99]) {
    const [first, second] = [await simulate(seed), await simulate(seed)];
    t.is(second.hash, first.hash);
    t.deepEqual(second.trace, first.trace);
  }
  t.not((await simulate(8)).hash, (await simulate(7)).hash);
});

test("what is to happen at one instant happens in the order in which it was asked for, whenever that was", async (t) => {
  const chance = new Chance(1);
  for (let instant = 0; instant < 100; instant += 1) {
    const scheduler = new Scheduler(new Trace());
    const atMs = 50 + 100 * chance.next();
    const [asked, came]: [number[], number[]] = [[], []];
    for (let number = 0; number < 50; number += 1) {
      scheduler.after(10 * chance.next(), () => {
        asked.push(number);
        scheduler.at(atMs, () => came.push(number));
      });
    }
    await scheduler.run(1000, () => false);
    t.deepEqual(came, asked);
  }
});

test("a read may return what was acknowledged before it, and what was written meanwhile, and nothing older", (t) => {
  const history = new BlockHistory([write(1, 0, 1)]);
  history.begin(write(2, 2, 3), 2);
  history.begin(write(3, 6, Number.POSITIVE_INFINITY), 6);
  t.deepEqual(tags(history, 4, 5), [2]);
  t.deepEqual(tags(history, 4, 7), [2, 3]);
  t.deepEqual(tags(history, 2.5, 7), [1, 2, 3], "the second was not acknowledged yet when the read began");
  t.true(history.observe(3, 7, 8));
  t.deepEqual(tags(history, 9, 10), [3], "what was read once stays");
});

test("a loss of power brings back what no flush came after, and nothing before it", (t) => {
  const history = new BlockHistory([write(1, 0, 1)]);
  history.begin(write(2, 2, 3), 2);
  history.flushed(4);
  history.begin(write(3, 5, 6), 5);
  t.deepEqual(tags(history, 7, 8), [3]);
  history.powerLost(9);
  t.deepEqual(tags(history, 10, 11), [2, 3]);
});

function write(tag: number, start: number, end: number): BlockWrite {
  return {
    tag,
    start,
    end,
    settled: end,
    isAcknowledged: end < Number.POSITIVE_INFINITY,
    durable: false,
    by: "a test",
  };
}

function tags(history: BlockHistory, start: number, end: number): number[] {
  return history.allowed(start, end).map(({ tag }) => tag);
}
