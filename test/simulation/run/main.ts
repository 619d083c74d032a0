/**
 * `npm run simulate [-- --seed N | --seeds A-B | --minutes N [--from A]]`: runs of the simulator. A seed that
 * fails is printed with the end of its trace, and ends the whole with 1.
 */
import { parseArgs } from "node:util";
import { type Outcome, simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1-200" },
    minutes: { type: "string" },
    from: { type: "string" },
    lines: { type: "string", default: "60" },
    trace: { type: "boolean", default: false },
    "keep-going": { type: "boolean", default: false },
  },
});

const options = {
  lines: Number(values.lines),
  ...(values.trace ? { watch: (line: string) => console.log(line) } : {}),
};
const failed: number[] = [];
const sum = { seeds: 0, commands: 0, simulatedMs: 0 };
const startMs = performance.now();

for (const seed of seeds()) {
  const outcome = await simulate(seed, options);
  sum.seeds += 1;
  sum.commands += outcome.commands;
  sum.simulatedMs += outcome.simulatedMs;
  if (outcome.violation === undefined) {
    if (values.seed !== undefined) console.log(`seed ${seed}: every rule held; trace ${outcome.hash}`);
    continue;
  }
  failed.push(seed);
  report(outcome);
  if (!values["keep-going"]) break;
}
const seconds = (performance.now() - startMs) / 1000;
console.log(
  `${sum.seeds} seeds, ${sum.commands} commands, ${Math.round(sum.simulatedMs / 1000)} simulated seconds in ${seconds.toFixed(1)} s; failed: ${failed.join(" ") || "none"}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

function* seeds(): Generator<number> {
  if (values.seed !== undefined) return yield Number(values.seed);
  if (values.minutes !== undefined) {
    const endMs = startMs + Number(values.minutes) * 60_000;
    const base = values.from === undefined ? Date.now() % 1_000_000_000 : Number(values.from);
    for (let seed = base; performance.now() < endMs; seed += 1) yield seed;
    return;
  }
  const [first, last] = values.seeds.split("-").map(Number) as [number, number];
  for (let seed = first; seed <= last; seed += 1) yield seed;
}

function report({ seed, violation, hash, trace }: Outcome): void {
  if (!values["keep-going"] && !values.trace) for (const line of trace) console.log(line);
  console.log(`seed ${seed} fails (trace ${hash}): ${violation?.message}`);
  console.log(`again: npm run simulate -- --seed ${seed}   (the whole of it: --trace)`);
}
