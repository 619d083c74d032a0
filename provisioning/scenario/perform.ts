/** Does what a step of a scenario says. */
import type { Fault } from "@sanlab/controller/api/resources.ts";
import { execa } from "execa";
import { ApiError } from "../api/client.ts";
import { deleteIfThere } from "../apply/remove.ts";
import { asUserError } from "../errors.ts";
import { LOAD_LOOP, loadDirectory, START_LOAD, STOP_LOAD } from "./guest-scripts.ts";
import { recordHoldings } from "./holdings.ts";
import { judge } from "./judge.ts";
import { checksum, endedOf } from "./observe.ts";
import type { Doing, LoadSpec, Step } from "./scenario.ts";
import type { Site } from "./site.ts";

const BIN = new URL("../bin/sanlab.js", import.meta.url).pathname;

/** How a step went: `problem` is a sentence where it failed. */
export interface Outcome {
  readonly problem: string | undefined;
  readonly saw: string;
}

type DoingOf<Kind extends Doing["kind"]> = Extract<Doing, { kind: Kind }>;

export async function perform(site: Site, { does, withinMs }: Step): Promise<Outcome> {
  try {
    const act = ACTIONS[does.kind] as (site: Site, does: Doing, withinMs: number) => Promise<Outcome>;
    return await act(site, does, withinMs);
  } catch (error) {
    site.signal.throwIfAborted();
    const known = asUserError(error);
    if (known === undefined) throw error;
    return { problem: [known.message, ...known.details].join("\n"), saw: "" };
  }
}

const done = (saw = ""): Outcome => ({ problem: undefined, saw });

const ACTIONS: {
  readonly [Kind in Doing["kind"]]: (site: Site, does: DoingOf<Kind>, withinMs: number) => Promise<Outcome>;
} = {
  expect: async () => done(),
  fault: async (site, { name, text }) => {
    // A step that repeats sets its fault anew each time.
    if (site.faults.has(name)) await deleteIfThere(site.api, `/faults/${name}`);
    site.faults.add(name);
    await recordHoldings(site.state, site);
    try {
      await site.api.post<Fault>("/faults", { name, text });
    } catch (error) {
      // What was refused is not there, or is somebody else's.
      if (error instanceof ApiError && error.status < 500) site.faults.delete(name);
      await recordHoldings(site.state, site);
      throw error;
    }
    return done();
  },
  clear: async (site, { fault }) => {
    await site.api.delete(fault === null ? "/faults" : `/faults/${fault}`);
    if (fault === null) site.faults.clear();
    else site.faults.delete(fault);
    await recordHoldings(site.state, site);
    return done();
  },
  sanlab: runVerb,
  run: async (site, does, withinMs) => {
    const seen = await site.guest(does.host, await site.commandOf(does), withinMs);
    const { holds, saw } = judge({ ...does, kind: "command" }, seen);
    return holds ? done(saw) : { problem: saw, saw };
  },
  load: async (site, { load }) => {
    await startLoad(site, load);
    return done();
  },
  stop: async (site, { load }, withinMs) => {
    await stopLoad(site, site.load(load), withinMs);
    return done();
  },
  remember: async (site, { what, as }) => {
    if ("load" in what) site.marks.set(as, await endedOf(site, what.load));
    else site.remembered.set(as, await checksum(site, what.host, what.disk));
    return done();
  },
};

/** In a process of its own, as a user would: no shell reads its words. */
async function runVerb(site: Site, does: DoingOf<"sanlab">, withinMs: number): Promise<Outcome> {
  const args = [BIN, "--state", site.state, ...does.args];
  const options = {
    reject: false,
    stdin: "ignore",
    timeout: withinMs,
    cancelSignal: site.signal,
    cwd: site.directory,
  } as const;
  const result = await execa(process.execPath, args, options);
  site.signal.throwIfAborted();
  const said = `${result.stdout}\n${result.stderr}`.trim();
  const last = said.split("\n").at(-1) ?? "";
  if (result.timedOut) return { problem: `it did not end within ${withinMs / 1000} s: ${last}`, saw: "" };
  const isExpected = result.exitCode === does.exit && (does.says === null || new RegExp(does.says, "m").test(said));
  return isExpected ? done(last) : { problem: `it ended with ${result.exitCode}: ${last}`, saw: "" };
}

async function startLoad(site: Site, load: LoadSpec): Promise<void> {
  const { name, host, blockBytes, blocks, everyMs, kind } = load;
  const args = [loadDirectory(name), name, await site.targetOf(load), blockBytes, blocks, everyMs / 1000, kind];
  site.loads.set(name, load);
  await recordHoldings(site.state, site);
  await site.script(host, START_LOAD, [LOAD_LOOP, ...args.map(String)]);
}

export async function stopLoad(
  site: Site,
  { name, host }: Pick<LoadSpec, "name" | "host">,
  withinMs: number,
): Promise<void> {
  const seconds = Math.ceil(withinMs / 1000);
  await site.script(host, STOP_LOAD, [loadDirectory(name), String(seconds)], withinMs + 10_000);
}
