/** Watches the console of a guest that is waited for: a kernel that has panicked does not answer, however long one waits. */
import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { consoleBytes, readConsole } from "./console.ts";
import { hostFacts } from "./host-facts.ts";
import { hostTraces } from "./host-traces.ts";
import { RUN_FILES } from "./run-directory.ts";
import { VmError } from "./vm-error.ts";

/** Printed by `guest/init`. */
export const USER_SPACE_MARK = "sanlab: user space reached";
/** The first that a BIOS says; one that QEMU hands a kernel says nothing. */
const BIOS_MARK = "SeaBIOS (version";

/** A line of the kernel, which may have its time before it. */
const PANIC = /^(?:\[ *\d+\.\d+\] )?(Kernel panic - not syncing: .*)$/;
/** Said by a kernel that does not reboot after its panic (panic(), kernel/panic.c). */
const END = /^(?:\[ *\d+\.\d+\] )?---\[ end (Kernel panic - not syncing: .*) \]---$/;
/** Not all of its system is there: what misses is found out one by one, if it starts at all. */
const UNPACKING = /^(?:\[ *\d+\.\d+\] )?(Initramfs unpacking failed: .*)$/;
const NO_MEMORY = /(System is deadlocked on memory|Initramfs unpacking failed: write error|Out of memory)/;

/** One start of a guest. What its console said of earlier ones does not count. */
export class BootWatch {
  readonly #runDir: string;
  /** Of the console's log, in bytes. */
  readonly #from: number;
  /** QEMU hands it a kernel that reboots after a panic, from the same memory into the same panic. */
  readonly #isHandedKernel: boolean;

  private constructor(runDir: string, from: number, isHandedKernel: boolean) {
    this.#runDir = runDir;
    this.#from = from;
    this.#isHandedKernel = isHandedKernel;
  }

  static async begin(runDir: string): Promise<BootWatch> {
    const reset = await resetAt(runDir);
    const now = await consoleBytes(runDir);
    const said = linesOf(await readConsole(runDir, reset));
    // A guest that was up before, and has panicked since, starts anew: it is waited for again.
    const wasUp = sinceBios(said).some((line) => line.includes(USER_SPACE_MARK));
    return new BootWatch(runDir, wasUp ? now : reset, await isThere(join(runDir, RUN_FILES.initramfs)));
  }

  /** Throws GUEST_PANICKED once the console shows that the guest will not come up; the sentence names host and reason. */
  async check(): Promise<void> {
    const lines = linesOf(await readConsole(this.#runDir, this.#from));
    const reason = this.#isHandedKernel ? first(lines, PANIC, END, UNPACKING) : lastingPanic(lines);
    if (reason === undefined) return;
    const { called, memoryMiB } = await hostFacts(this.#runDir);
    const shortage = first(lines, NO_MEMORY);
    const sentence =
      shortage === undefined
        ? `${called} cannot start: its kernel says '${reason}'.`
        : `${called} has too little memory to start${memoryMiB === undefined ? "" : `, ${memoryMiB}MiB`}: its kernel says '${shortage}'; give it more.`;
    throw new VmError("GUEST_PANICKED", sentence, { details: await hostTraces(this.#runDir) });
  }

  /** What the kernel complained of, for a guest whose time is over. */
  async complaint(): Promise<string | undefined> {
    return first(linesOf(await readConsole(this.#runDir, this.#from)).toReversed(), PANIC, END, NO_MEMORY);
  }
}

/** To be told whenever the guest is made to start anew in the same QEMU, which says nothing of it on the console. */
export async function noteReset(runDir: string): Promise<void> {
  await writeFile(join(runDir, RUN_FILES.resetAt), `${await consoleBytes(runDir)}`);
}

async function resetAt(runDir: string): Promise<number> {
  const file = join(runDir, RUN_FILES.resetAt);
  return (await isThere(file)) ? Number(await readFile(file, "utf8")) : 0;
}

/** A system of its own may reboot after a panic and come up then; one that stays where it is, or panics again, does not. */
function lastingPanic(lines: readonly string[]): string | undefined {
  const panics = lines.filter((line) => PANIC.test(line));
  return first(sinceBios(lines), END) ?? first(panics.slice(1), PANIC);
}

function first(lines: readonly string[], ...patterns: readonly RegExp[]): string | undefined {
  for (const line of lines) {
    const found = patterns.map((pattern) => pattern.exec(line)?.[1]).find((text) => text !== undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

function sinceBios(lines: readonly string[]): readonly string[] {
  return lines.slice(lines.findLastIndex((line) => line.includes(BIOS_MARK)) + 1);
}

function linesOf(text: string): string[] {
  return text.split("\n").map((line) => line.trimEnd());
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
