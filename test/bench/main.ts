/** `npm run bench` (`options.ts`). Prints tables and writes bench.json. */
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { crc32cImplementation } from "node-iscsi-target/wire/crc32c.ts";
import { type Contender, type Ours, SIZE_MIB, startBaseline, startOurs } from "./contenders.ts";
import { FioGuest } from "./fio-guest.ts";
import { holding, interruptible, isInterrupted } from "./open-things.ts";
import { benchOptions, USAGE } from "./options.ts";
import { OWN_ROWS, type OwnRow } from "./own-rows.ts";
import { ROWS, type Row } from "./rows.ts";
import { measureScale, SCALE_ROWS } from "./scale/measure.ts";
import { isWithin, resultOf, type ScaleFigure } from "./scale/row.ts";
import { type Summary, summary } from "./statistics.ts";
import { amount, type Compared, comparisonTable, type OwnFigure, scaleTable } from "./table.ts";

/** Of what is required, for the quick form. */
const QUICK_SHARE = 0.6;
const guest = new FioGuest();
const namesOf = (rows: readonly { readonly name: string }[]) => rows.map(({ name }) => name);
const options = benchOptions(process.argv.slice(2), {
  all: namesOf([...ROWS, ...guest.rows, ...OWN_ROWS, ...SCALE_ROWS]),
  quick: namesOf(ROWS.filter((row) => row.quick)),
});
if (typeof options === "string") {
  console.error(options);
  process.exit(2);
}
if (options.help) {
  console.log(USAGE);
  process.exit();
}
const { quick, rounds, seconds, output } = options;
const chosen = ({ name }: { name: string }) =>
  options.row.length === 0 || options.row.some((text) => name.includes(text));
const rows = ROWS.filter((row) => chosen(row) && (!quick || row.quick === true));
const ownRows = quick ? [] : OWN_ROWS.filter(chosen);
const guestRows = quick ? [] : guest.rows.filter(chosen);
const share = quick ? QUICK_SHARE : 1;

await interruptible(async () => {
  const { compared, own } = options.scale ? { compared: [], own: [] } : await measureSpeed();
  const scale = quick ? [] : await measureScale(chosen, Math.min(rounds, 3));
  print(compared, own, scale);
  await save(compared, own, scale);
  const missed = [
    ...compared.filter((row) => !isMet(row)).map(({ row }) => row.name),
    ...own.filter(({ met }) => !met).map(({ name }) => name),
    ...scale.filter((figure) => !isWithin(figure)).map(({ row }) => row.name),
  ];
  for (const name of missed) console.log(`not met: ${name}`);
  say(`figures in ${output}`);
  if (missed.length > 0) process.exitCode = 1;
});

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function measureSpeed(): Promise<{ compared: Compared[]; own: OwnFigure[] }> {
  if (rows.length + ownRows.length + guestRows.length === 0) return { compared: [], own: [] };
  return holding(startOurs, async (ours) => {
    const fresh = await measureOwn(
      ours,
      ownRows.filter((row) => row.fresh),
    );
    return holding(startBaseline, async (baseline) => {
      const compared = await compare(baseline, ours, rows);
      const later = await measureOwn(
        ours,
        ownRows.filter((row) => !row.fresh),
      );
      const settled = quick ? await settle(baseline, ours, compared) : compared;
      return { compared: [...settled, ...(await compareInGuest(baseline, ours))], own: [...fresh, ...later] };
    });
  });
}

function isMet({ row, ratio }: Compared): boolean {
  return ratio >= (row.required ?? 0) * share;
}

async function compare(baseline: Contender, ours: Contender, rows: readonly Row[]): Promise<Compared[]> {
  const samples = new Map(rows.map((row) => [row, { baseline: [] as number[], ours: [] as number[] }]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [row, taken] of samples) {
      const pair = await tried(row.required, [row], async () => ({
        tgt: await row.measure(baseline, seconds),
        ours: await row.measure(ours, seconds),
      }));
      if (pair === undefined) {
        samples.delete(row);
        continue;
      }
      taken.baseline.push(pair.tgt);
      taken.ours.push(pair.ours);
      const figures = `tgt ${amount(pair.tgt, row.unit)}, ours ${amount(pair.ours, row.unit)}`;
      say(`round ${round} of ${rounds}: ${row.name}: ${figures}`);
    }
  }
  return [...samples].map(([row, taken]) => {
    const [theirs, own] = [summary(taken.baseline), summary(taken.ours)];
    return {
      row,
      baseline: theirs,
      ours: own,
      ratio: row.isCost ? theirs.median / own.median : own.median / theirs.median,
    };
  });
}

/** The guest is up for its own rows only: beside the others it would take a processor's time from them. */
async function compareInGuest(baseline: Contender, ours: Contender): Promise<Compared[]> {
  if (guestRows.length === 0) return [];
  const measure = async () => {
    await guest.logIn([baseline, ours]);
    return compare(baseline, ours, guestRows);
  };
  return (
    (await tried(undefined, guestRows, () =>
      holding(
        () => guest.start(),
        () => measure(),
      ),
    )) ?? []
  );
}

/** Where nothing is required of the rows, their failure costs no other row its figures: undefined, and it is said why. */
async function tried<T>(
  required: number | undefined,
  rows: readonly { readonly name: string }[],
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (required !== undefined || isInterrupted()) throw error;
    const reason = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ").trim();
    for (const { name } of rows) say(`not measured: ${name}: ${reason}`);
    return undefined;
  }
}

/** A second try of the rows that fell short. */
async function settle(baseline: Contender, ours: Contender, first: readonly Compared[]): Promise<Compared[]> {
  const short = first.filter((row) => !isMet(row)).map(({ row }) => row);
  for (const { name } of short) say(`fell short: once more: ${name}`);
  const second = await compare(baseline, ours, short);
  return first.map((one) => second.find(({ row }) => row === one.row) ?? one);
}

async function measureOwn(ours: Ours, rows: readonly OwnRow[]): Promise<OwnFigure[]> {
  const figures: OwnFigure[] = [];
  for (const row of rows) {
    const { name, unit, limit, isCost = false } = row;
    const samples = await tried(limit, [row], () => samplesOf(row, ours));
    if (samples === undefined) continue;
    const figure: Summary = summary(samples);
    const met = limit === undefined || (isCost ? figure.median <= limit : figure.median >= limit);
    figures.push({ name, unit, limit, isCost, figure, met });
    say(`${name}: ${amount(figure.median, unit)}`);
  }
  return figures;
}

async function samplesOf(row: OwnRow, ours: Ours): Promise<number[]> {
  const samples: number[] = [];
  for (let round = 0; round < (row.fresh ? 1 : rounds); round += 1) samples.push(await row.measure(ours, seconds));
  return samples;
}

function print(compared: readonly Compared[], own: readonly OwnFigure[], scale: readonly ScaleFigure[]): void {
  if (compared.length + own.length > 0) for (const line of comparisonTable(compared, own, share)) console.log(line);
  if (scale.length > 0) for (const line of ["", ...scaleTable(scale)]) console.log(line);
}

async function save(
  compared: readonly Compared[],
  own: readonly OwnFigure[],
  scale: readonly ScaleFigure[],
): Promise<void> {
  const machine = { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.version, crc32c: crc32cImplementation() };
  const comparisons = compared.map(({ row: { name, unit, required }, ...figures }) => ({
    name,
    unit,
    required,
    ...figures,
  }));
  const scaled = scale.map((figure) => {
    const { row, reference, ours } = figure;
    return { ...row, reference, ours, result: resultOf(figure), met: isWithin(figure) };
  });
  const document = { machine, rounds, seconds, sizeMiB: SIZE_MIB, comparisons, own, scale: scaled };
  await writeFile(output, `${JSON.stringify(document, null, 2)}\n`);
}
