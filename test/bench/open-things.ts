/** What is open for a measurement, and is closed by whatever ends that: its end, its failure, or a signal. */
import { constants } from "node:os";
import { execa } from "execa";

export interface Closable {
  close(): Promise<void>;
}

type Close = () => Promise<void>;

/** In the order in which they were opened. */
const open = new Set<Close>();
let interrupted = false;

/** From when on a failure says nothing of what was measured. */
export function isInterrupted(): boolean {
  return interrupted;
}

/**
 * Gives what `start` makes to `work`, and closes it afterwards. Where a signal comes first, it is closed by that, as soon as `start`
 * has made it, and nothing is started after that.
 *
 * @param start closes what it has made of it where it fails
 */
export async function holding<T extends Closable, R>(
  start: () => Promise<T>,
  work: (thing: T) => Promise<R>,
): Promise<R> {
  if (interrupted) throw new Error("The benchmark was interrupted.");
  const started = start();
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= started.then(
      (thing) => thing.close(),
      () => undefined,
    );
    return closing;
  };
  open.add(close);
  try {
    return await work(await started);
  } finally {
    try {
      await close();
    } finally {
      open.delete(close);
    }
  }
}

/** What a program says that loads a target: it is open as long as it runs, since iscsi-perf ends on no signal once its target is gone. */
export function runProgram(file: string, args: readonly string[]): Promise<{ stdout: string; all: string }> {
  return holding(
    async () => {
      const running = execa(file, args, { all: true, stdin: "ignore" });
      const close = async () => {
        running.kill("SIGKILL");
        await running.catch(() => undefined);
      };
      return { running, close };
    },
    ({ running }) => running,
  );
}

/**
 * Runs `work`, in which Ctrl-C, and what else asks for an end, closes everything, the latest first, and ends the process with 128 and
 * the signal's number. What the work makes of that is not heard of.
 */
export async function interruptible(work: () => Promise<void>): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt(signal));
  try {
    await work();
  } finally {
    if (interrupted) await new Promise(() => {});
  }
}

function interrupt(signal: "SIGINT" | "SIGTERM" | "SIGHUP"): void {
  // A second one may be the first, handed on by npm; and to give in to an impatient one would leave something behind.
  if (interrupted) return;
  interrupted = true;
  process.stderr.write(`${signal}: ending what was started\n`);
  void closeInTurn([...open].reverse()).then((failures) => {
    for (const failure of failures) console.error(failure);
    process.exit(128 + constants.signals[signal]);
  });
}

/** Each, although another fails. @returns what those threw that did */
export async function closeInTurn(closes: readonly Close[]): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const close of closes) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}
