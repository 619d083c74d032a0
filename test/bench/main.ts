/**
 * `npm run bench [-- --rounds N] [--seconds N] [--contender NAME]…`: I/Os a second against tgt, all
 * contenders taking turns in every round of the same run. Prints a table and writes bench.json.
 */
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { type Contender, SIZE_MIB, startContender } from "./contenders.ts";
import { ROWS, type Row } from "./measure.ts";
import { type Summary, summary } from "./statistics.ts";

const BASELINE = "tgt";
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "2" },
    contender: { type: "string", multiple: true, default: ["file", "mapped"] },
    output: { type: "string", default: "bench.json" },
  },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
if (!(Number.isInteger(rounds) && rounds > 0 && Number.isInteger(seconds) && seconds > 0)) {
  throw new Error("--rounds and --seconds take whole numbers from 1.");
}

interface Result {
  readonly row: string;
  readonly perSecond: Readonly<Record<string, Summary>>;
  /** Our median over tgt's. */
  readonly ratio: Readonly<Record<string, number>>;
}

const contenders: Contender[] = [];
try {
  for (const name of [BASELINE, ...values.contender]) contenders.push(await startContender(name));
  const samples = await takeTurns(ROWS);
  const results = ROWS.map((row) => resultOf(row.name, samples));
  for (const line of table(results)) console.log(line);
  const machine = { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.version };
  await writeFile(
    values.output,
    `${JSON.stringify({ machine, rounds, seconds, sizeMiB: SIZE_MIB, results }, null, 2)}\n`,
  );
} finally {
  for (const contender of contenders) await contender.close();
}

async function takeTurns(rows: readonly Row[]): Promise<ReadonlyMap<string, number[]>> {
  const samples = new Map<string, number[]>();
  for (let round = 1; round <= rounds; round += 1) {
    for (const row of rows) {
      for (const { name, url } of contenders) {
        const rate = await row.measure(url, row.depth, seconds);
        const key = `${row.name} ${name}`;
        samples.set(key, [...(samples.get(key) ?? []), rate]);
        process.stderr.write(`round ${round} of ${rounds}: ${row.name}: ${name} ${Math.round(rate)}\n`);
      }
    }
  }
  return samples;
}

function resultOf(row: string, samples: ReadonlyMap<string, readonly number[]>): Result {
  const perSecond = Object.fromEntries(
    contenders.map(({ name }) => [name, summary(samples.get(`${row} ${name}`) ?? [])]),
  );
  const baseline = (perSecond[BASELINE] as Summary).median;
  const ratio = Object.fromEntries(
    values.contender.map((name) => [name, (perSecond[name] as Summary).median / baseline]),
  );
  return { row, perSecond, ratio };
}

function* table(results: readonly Result[]): Generator<string> {
  const rates = contenders.map(({ name }) => name);
  yield cells("I/Os a second (spread)", [...rates, ...values.contender.map((name) => `${name} : ${BASELINE}`)]);
  for (const { row, perSecond, ratio } of results) {
    const shown = rates.map((name) => rate(perSecond[name] as Summary));
    yield cells(row, [...shown, ...values.contender.map((name) => (ratio[name] as number).toFixed(2))]);
  }
}

function rate({ median, spread }: Summary): string {
  return `${Math.round(median).toLocaleString("en")} (±${Math.round(spread * 50)} %)`;
}

function cells(first: string, others: readonly string[]): string {
  return [first.padEnd(28), ...others.map((cell) => cell.padStart(18))].join(" ");
}
