/**
 * What a scenario has on its lab until it tidies up: its faults and its loads. It is on record in the state directory
 * before it is there, so that what a run that was killed left behind is cleared by the next.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readJson, writeJson } from "../state/json-file.ts";
import { STATE_FILES, STATE_FORMAT } from "../state/layout.ts";
import type { LoadSpec } from "./scenario.ts";

export interface Holdings {
  readonly faults: readonly string[];
  readonly loads: readonly Pick<LoadSpec, "name" | "host">[];
}

interface HoldingsFile extends Holdings {
  readonly format: number;
}

/** What the run before left; undefined where it tidied up. */
export function readHoldings(state: string): Promise<Holdings | undefined> {
  return readJson<HoldingsFile>(fileOf(state));
}

export async function recordHoldings(
  state: string,
  { faults, loads }: { readonly faults: ReadonlySet<string>; readonly loads: ReadonlyMap<string, LoadSpec> },
): Promise<void> {
  const file: HoldingsFile = {
    format: STATE_FORMAT,
    faults: [...faults],
    loads: [...loads.values()].map(({ name, host }) => ({ name, host })),
  };
  await writeJson(fileOf(state), file);
}

export async function forgetHoldings(state: string): Promise<void> {
  await rm(fileOf(state), { force: true });
}

function fileOf(state: string): string {
  return join(state, STATE_FILES.scenario);
}
