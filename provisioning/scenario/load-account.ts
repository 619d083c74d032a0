/** What a load in a guest has done, out of the log that it keeps there (pure). Times are the guest's, since its boot. */
export interface LoadAccount {
  /** I/Os that succeeded. */
  readonly done: number;
  readonly errors: number;
  /** The longest time between the ends of two that succeeded one after the other, the time until now included, ms. */
  readonly pauseMs: number;
  /** Since the last that succeeded, or since the begin, ms. */
  readonly idleMs: number;
  readonly isRunning: boolean;
}

interface Line {
  readonly number: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly exitCode: number;
}

/**
 * `text` is what `LOAD_LOG` prints: a line with the guest's uptime and whether the load still runs, one with its begin,
 * and a line for each I/O with its number, begin, end and exit code. Uptimes are in seconds with two decimals. Of the
 * first `before` I/Os only the last counts, as that at which the account begins.
 */
export function accountOf(text: string, before = 0): LoadAccount {
  const [head = "", ...rest] = text.split("\n");
  const [now = "", state = ""] = head.split(" ");
  const isRunning = state === "running";
  const all = rest.flatMap(lineOf);
  const lines = all.slice(before);
  const begunMs = all[before - 1]?.toMs ?? ms(/^begun (\S+)/.exec(rest[0] ?? "")?.[1] ?? now);
  const ends = [begunMs, ...lines.filter(({ exitCode }) => exitCode === 0).map(({ toMs }) => toMs)];
  const lastMs = ends.at(-1) ?? 0;
  // A load that has ended does not pause any more.
  const untilMs = isRunning ? ms(now) : Math.max(lastMs, ...lines.slice(-1).map(({ toMs }) => toMs));
  const gaps = [...ends.slice(1), untilMs].map((endMs, at) => endMs - (ends[at] ?? endMs));
  return {
    done: ends.length - 1,
    errors: lines.filter(({ exitCode }) => exitCode !== 0).length,
    pauseMs: Math.max(0, ...gaps),
    // The clock is read before the log, in which the latest I/O may stand already.
    idleMs: Math.max(0, untilMs - lastMs),
    isRunning,
  };
}

/**
 * Blocks that hold something else than they may: for each, what was acknowledged last, or was written later and
 * never acknowledged. `contents` has a word per block, `NAME.NUMBER`.
 */
export function damagedBlocks(text: string, contents: readonly string[], name: string, blocks: number): string[] {
  const lines = text.split("\n").flatMap(lineOf);
  return Array.from({ length: blocks }, (_, block) => block).flatMap((block) => {
    const ofBlock = lines.filter(({ number }) => (number - 1) % blocks === block);
    const lastGood = ofBlock.findLastIndex(({ exitCode }) => exitCode === 0);
    if (lastGood < 0) return [];
    const allowed = ofBlock.slice(lastGood).map(({ number }) => `${name}.${number}`);
    const found = contents[block] ?? "nothing";
    return allowed.includes(found) ? [] : [`block ${block} holds '${found.slice(0, 40)}' and not '${allowed[0]}'`];
  });
}

function lineOf(text: string): Line[] {
  const [, number, from, to, exitCode] = /^([0-9]+) (\S+) (\S+) ([0-9]+)$/.exec(text) ?? [];
  if (number === undefined) return [];
  return [{ number: Number(number), fromMs: ms(from), toMs: ms(to), exitCode: Number(exitCode) }];
}

function ms(uptime: string | undefined): number {
  return Math.round(Number(uptime ?? 0) * 1000);
}
