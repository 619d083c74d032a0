/** Who is measured: tgt and ours, each over the same amount of data, written whole before it is read. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { external, TestLab } from "../helpers/lab.ts";
import { MAPPED_INITIATORS } from "../helpers/mapped-disk.ts";
import { servedImage } from "../helpers/served-image.ts";
import { startTgt } from "../helpers/tgt.ts";
import { fill } from "./initiators.ts";

/** Small enough to lie in the page cache of any machine, so that the target is measured and not the medium. */
export const SIZE_MIB = 512;

export interface Contender {
  readonly url: string;
  /** The process that serves it. */
  readonly pid: number;
  /** Where its data lies. */
  readonly images: readonly string[];
  /** Writes every block of it. */
  fill(): Promise<void>;
  close(): Promise<void>;
}

/** Ours: fully mapped disks, a lab with a controller, and two agents. */
export interface Ours extends Contender {
  /** Another disk through the other agent. */
  readonly second: { readonly url: string; readonly pid: number };
  readonly lab: TestLab;
}

export async function startBaseline(sizeMiB = SIZE_MIB): Promise<Contender> {
  let image = "";
  let pid = 0;
  const disk = await servedImage(sizeMiB, async (path) => {
    image = path;
    const served = await startTgt(path);
    pid = served.pid;
    return served;
  });
  return filled({
    url: disk.url,
    pid,
    images: [image],
    fill: () => fill(disk.url, sizeMiB),
    close: () => disk.close(),
  });
}

/** `env`: for the lab's processes, beside this one's. */
export async function startOurs(sizeMiB = SIZE_MIB, env: Readonly<Record<string, string>> = {}): Promise<Ours> {
  const lab = new TestLab(await mkdtemp(join(tmpdir(), "sanlab-bench-")));
  try {
    await lab.up(labFile(sizeMiB), env);
    const agents = new Map((await lab.agents()).map(({ name, pid }) => [name, pid ?? 0]));
    const [url, other] = [await lab.url("first", "a"), await lab.url("second", "b")];
    const ours: Ours = {
      url,
      pid: agents.get("a") ?? 0,
      second: { url: other, pid: agents.get("b") ?? 0 },
      images: [join(lab.directory, "main.img")],
      fill: async () => {
        for (const each of [url, other]) await fill(each, sizeMiB);
      },
      lab,
      close: () => lab.destroy(),
    };
    return await filled(ours);
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

async function filled<C extends Contender>(contender: C): Promise<C> {
  try {
    await contender.fill();
    return contender;
  } catch (error) {
    await contender.close();
    throw error;
  }
}

function labFile(sizeMiB: number): object {
  const disks = ["first", "second"];
  const host = { ...external("outside"), iqn: MAPPED_INITIATORS[0], disks };
  return {
    lab: "bench",
    pools: { main: { segment: "1MiB", devices: [{ path: "main.img", size: `${sizeMiB * 2 + 64}MiB` }] } },
    disks: Object.fromEntries(disks.map((name) => [name, { pool: "main", size: `${sizeMiB}MiB` }])),
    agents: { a: { portal: "127.0.0.1:0" }, b: { portal: "127.0.0.1:0" } },
    hosts: { outside: host },
    zones: { all: { hosts: ["outside"], agents: ["a", "b"], disks } },
  };
}
