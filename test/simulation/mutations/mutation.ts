/** A piece of the protocol taken away, in a copy of the sources. */
import { execa } from "execa";
import type { SourceCopy } from "./copy.ts";

export interface Mutation {
  readonly name: string;
  readonly file: string;
  /** Is there exactly once. */
  readonly text: string;
  readonly replacement: string;
}

export type Verdict =
  | { readonly kind: "caught"; readonly seed: number; readonly rule: string }
  | { readonly kind: "survived"; readonly seeds: number };

/** Does something to the copy, and gives back what undoes it. */
export type Change = (copy: SourceCopy) => () => void;

/** @throws Error where the text is not there, or more than once: whoever changed the source has to say what to take away now. */
export function replacement({ name, file, text, replacement: by }: Mutation): Change {
  return (copy) => {
    const original = copy.read(file);
    const times = original.split(text).length - 1;
    if (times !== 1)
      throw new Error(`mutation '${name}': its text is there ${times} times in ${file}, and has to be there once`);
    copy.write(
      file,
      original.replace(text, () => by),
    );
    return () => copy.write(file, original);
  };
}

/** Seeds from the first on, until one fails that does not fail without the change. @throws Error where the simulator itself cannot run. */
export async function tryOut(copy: SourceCopy, change: Change, seeds: number): Promise<Verdict> {
  for (let first = 1; first <= seeds; ) {
    const undo = change(copy);
    const verdict = await firstFailure(copy, first, seeds);
    undo();
    if (verdict.kind === "survived" || (await firstFailure(copy, verdict.seed, verdict.seed)).kind === "survived")
      return verdict;
    first = verdict.seed + 1;
  }
  return { kind: "survived", seeds };
}

async function firstFailure(copy: SourceCopy, first: number, seeds: number): Promise<Verdict> {
  const args = ["test/simulation/run/main.ts", "--seeds", `${first}-${seeds}`, "--lines", "0"];
  const { stdout, stderr, exitCode } = await execa(process.execPath, args, { cwd: copy.directory, reject: false });
  const [, seed, rule] = /^seed (\d+) fails \(trace \S+\): ([^:]+):/m.exec(stdout) ?? [];
  if (seed !== undefined && rule !== undefined) return { kind: "caught", seed: Number(seed), rule };
  if (exitCode === 0) return { kind: "survived", seeds };
  throw new Error(`the simulator could not run in the copy:\n${stdout}\n${stderr}`);
}
