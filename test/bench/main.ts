/** `npm run bench` (`options.ts`). Prints tables and writes bench.json. */
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { crc32cImplementation } from "node-iscsi-target/wire/crc32c.ts";
import { type Contender, type Ours, SIZE_MIB, startBaseline, startOurs } from "./contenders.ts";
import { FioGuest } from "./fio-guest.ts";
import { benchOptions, USAGE } from "./options.ts";
import { OWN_ROWS, type OwnRow } from "./own-rows.ts";
import { ROWS, type Row } from "./rows.ts";
import { measureScale, SCALE_ROWS } from "./scale/measure.ts";
import { isWithin, resultOf, type ScaleFigure } from "./scale/row.ts";
import { type Summary, summary } from "./statistics.ts";
import { type Compared, compareLine, heading, type OwnFigure, ownLine, scaleHeading, scaleLine } from "./table.ts";

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
if (missed.length > 0) process.exitCode = 1;

async function measureSpeed(): Promise<{ compared: Compared[]; own: OwnFigure[] }> {
  const contenders: Contender[] = [];
  if (rows.length + ownRows.length + guestRows.length === 0) return { compared: [], own: [] };
  try {
    const ours = await startOurs();
    contenders.push(ours);
    const fresh = await measureOwn(
      ours,
      ownRows.filter((row) => row.fresh),
    );
    const baseline = await startBaseline();
    contenders.push(baseline);
    const compared = await compare(baseline, ours, rows);
    const later = await measureOwn(
      ours,
      ownRows.filter((row) => !row.fresh),
    );
    const isShort = quick && compared.some((row) => !isMet(row));
    const settled = isShort ? await again(baseline, ours, compared) : compared;
    return { compared: [...settled, ...(await compareInGuest(baseline, ours))], own: [...fresh, ...later] };
  } finally {
    for (const contender of contenders) await contender.close();
  }
}

function isMet({ row, ratio }: Compared): boolean {
  return ratio >= (row.required ?? 0) * (quick ? QUICK_SHARE : 1);
}

async function compare(baseline: Contender, ours: Contender, rows: readonly Row[]): Promise<Compared[]> {
  const samples = new Map(rows.map((row) => [row, { baseline: [] as number[], ours: [] as number[] }]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [row, taken] of samples) {
      taken.baseline.push(await row.measure(baseline, seconds));
      taken.ours.push(await row.measure(ours, seconds));
      process.stderr.write(
        `round ${round} of ${rounds}: ${row.name}: ${taken.baseline.at(-1)?.toFixed(1)}, ${taken.ours.at(-1)?.toFixed(1)}\n`,
      );
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
  try {
    await guest.boot([baseline, ours]);
    return await compare(baseline, ours, guestRows);
  } finally {
    await guest.close();
  }
}

/** The second try of the rows that fell short. */
async function again(baseline: Contender, ours: Contender, first: readonly Compared[]): Promise<Compared[]> {
  const second = await compare(
    baseline,
    ours,
    first.filter((row) => !isMet(row)).map(({ row }) => row),
  );
  return first.map((one) => second.find(({ row }) => row === one.row) ?? one);
}

async function measureOwn(ours: Ours, rows: readonly OwnRow[]): Promise<OwnFigure[]> {
  const figures: OwnFigure[] = [];
  for (const row of rows) {
    const samples: number[] = [];
    for (let round = 0; round < (row.fresh ? 1 : rounds); round += 1) samples.push(await row.measure(ours, seconds));
    const figure: Summary = summary(samples);
    const met = row.limit === undefined || (row.isCost ? figure.median <= row.limit : figure.median >= row.limit);
    figures.push({ name: row.name, unit: row.unit, limit: row.limit, isCost: row.isCost === true, figure, met });
    process.stderr.write(`${row.name}: ${figure.median.toFixed(2)} ${row.unit}\n`);
  }
  return figures;
}

function print(compared: readonly Compared[], own: readonly OwnFigure[], scale: readonly ScaleFigure[]): void {
  if (compared.length + own.length > 0) for (const line of heading()) console.log(line);
  for (const row of compared) console.log(compareLine(row));
  for (const figure of own) console.log(ownLine(figure));
  if (scale.length > 0) for (const line of scaleHeading()) console.log(line);
  for (const figure of scale) console.log(scaleLine(figure));
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
