/** Verifiers made by Spin of a model in Promela: generated, compiled and run to the end of the state space. */
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

export interface Verdict {
  readonly errors: number;
  /** The first violation, as the verifier says it; undefined where there is none. */
  readonly violation: string | undefined;
  /** Every reachable state was visited: nothing was cut short for want of depth, memory or time. */
  readonly complete: boolean;
  readonly states: number;
  /** Steps to the violation. */
  readonly trail: boolean;
  readonly output: string;
}

export interface Effort {
  readonly memoryMiB: number;
  readonly depth: number;
  readonly timeoutMs: number;
  /** Processes that wait for ever are no violation. */
  readonly assertionsOnly?: boolean;
}

/** @throws Error where spin or the compiler refuses the model. */
export async function verify(model: string, flags: readonly string[], effort: Effort): Promise<Verdict> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-spin-"));
  try {
    for (const name of await readdir(model)) {
      if (name.endsWith(".pml")) await cp(join(model, name), join(directory, name));
    }
    const options = { cwd: directory, stdin: "ignore" as const };
    await execa("spin", [...flags, "-a", "mapping.pml"], options);
    const compiled = ["-O1", "-w", "-DSAFETY", "-DNOREDUCE", "-DVECTORSZ=512", `-DMEMLIM=${effort.memoryMiB}`];
    await execa("gcc", [...compiled, "-o", "pan", "pan.c"], options);
    // The verifier ends with 0 whatever it finds; a signal or a time that ran out make no complete search.
    const run = await execa("./pan", [...(effort.assertionsOnly ? ["-E"] : []), `-m${effort.depth}`, "-w23"], {
      ...options,
      reject: false,
      timeout: effort.timeoutMs,
    });
    const trail = await readFile(join(directory, "mapping.pml.trail")).then(
      () => true,
      () => false,
    );
    return verdictOf(run.stdout, run.exitCode === 0, trail);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function verdictOf(output: string, ended: boolean, trail: boolean): Verdict {
  const errors = Number(/errors: (\d+)/.exec(output)?.[1] ?? Number.NaN);
  const states = Number(/^\s*(\d+) states, stored/m.exec(output)?.[1] ?? Number.NaN);
  const cutShort = /search not completed|max search depth too small|out of memory|memory limit/i.test(output);
  const complete = ended && !cutShort && output.includes("Full statespace search");
  return { errors, states, complete, trail, output, violation: /^pan:1: (.+)$/m.exec(output)?.[1] };
}
