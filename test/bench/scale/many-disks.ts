/** Rows of a controller with a thousand disks: what each of them takes, against one of ten. */
import { holding } from "../open-things.ts";
import type { Pair, ScaleGroup, ScaleRow } from "./row.ts";
import { ScaleLab } from "./scale-lab.ts";
import { timed } from "./timing.ts";

const MIB = 2 ** 20;
const FEW = 10;
const MANY = 1000;

const row = (what: string): ScaleRow => ({
  name: `${what}, per disk of ${MANY}`,
  unit: "ms",
  against: `of ${FEW}`,
  atMost: 2,
});
const DONE = ["create", "export", "list", "check"] as const;
type Times = Readonly<Record<(typeof DONE)[number], number>>;

const start = () => ScaleLab.start({ pools: { main: ["1GiB"] }, disks: {} });

export const MANY_DISKS: ScaleGroup = { start, parts: [{ rows: DONE.map(row), measure: perDisks }] };

async function perDisks(lab: ScaleLab): Promise<Pair[]> {
  const few = await perDisk(lab, FEW);
  const many = await holding(start, (other) => perDisk(other, MANY));
  return DONE.map((what) => ({ reference: few[what], ours: many[what] }));
}

async function perDisk(lab: ScaleLab, count: number): Promise<Times> {
  const names = Array.from({ length: count }, (_, at) => `disk-${at}`);
  // What is compiled and opened by the first of each kind is no cost of a disk.
  for (const name of ["first", "second", "third"]) {
    await lab.createDisk(name, 64 * MIB);
    await lab.show(name);
  }
  await lab.api.get("/disks");
  await lab.api.post("/check");
  const create = await timed(async () => {
    for (const name of names) await lab.createDisk(name, 64 * MIB);
  });
  await lab.api.put("/zones/all", { name: "all", hosts: ["outside"], agents: ["a"], disks: names });
  const exported = await timed(async () => {
    for (const disk of names) await lab.api.post("/exports", { host: "outside", disk });
  });
  const list = await timed(() => lab.api.get("/disks"));
  const check = await timed(() => lab.api.post("/check"));
  return { create: create / count, export: exported / count, list: list / count, check: check / count };
}
