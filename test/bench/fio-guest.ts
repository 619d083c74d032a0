/**
 * fio in a guest, whose kernel is the initiator (Debian's open-iscsi). For information: the guest's processor is software, and
 * what it needs for an I/O is many times what either target does.
 */
import { waitForGuest } from "@sanlab/vm";
import { GATEWAY, GUEST_TIMEOUT_MS, startGuest } from "../helpers/guest.ts";
import { type GuestShell, guestShell, logIn } from "../helpers/guest-shell.ts";
import { MAPPED_INITIATORS } from "../helpers/mapped-disk.ts";
import type { Contender } from "./contenders.ts";
import { closeInTurn } from "./open-things.ts";
import type { Row } from "./rows.ts";

/** The image is unpacked into it: 125 MB, with the libraries of fio's engines. */
const MEMORY_MIB = 512;

/** fio's `rw` and `iodepth`. */
const WORKS = [
  { rw: "randread", depth: 1 },
  { rw: "randread", depth: 32 },
  { rw: "randwrite", depth: 32 },
] as const;
const NAMES = { randread: "read", randwrite: "write" } as const;
type Work = (typeof WORKS)[number];

/** For fio to start and to report, on a processor in software that shares a busy machine. */
const BESIDE_MS = 120_000;
const REPORT = "/run/fio.json";
const ERRORS = "/run/fio.err";

export class FioGuest {
  readonly #ends: (() => Promise<void>)[] = [];
  #shell: GuestShell | undefined;
  #runDir = "";
  /** Of the contenders' disks in the guest, by URL. */
  readonly #paths = new Map<string, string>();

  /** Starts a guest, which is not up yet. To be closed. */
  async start(): Promise<this> {
    const owner = { teardown: (end: () => Promise<void>) => void this.#ends.unshift(end) };
    try {
      const { runDir } = await startGuest(owner, {
        additions: ["fio"],
        spec: { memoryMiB: MEMORY_MIB },
        config: { initiatorName: MAPPED_INITIATORS[0] },
      });
      this.#runDir = runDir;
      return this;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Waits until it is up, and logs it in to all. */
  async logIn(contenders: readonly Contender[]): Promise<void> {
    await waitForGuest(this.#runDir, { timeoutMs: GUEST_TIMEOUT_MS });
    const shell = guestShell(this.#runDir);
    this.#shell = shell;
    for (const { url } of contenders) {
      const { port, pathname } = new URL(url.replace("iscsi:", "http:"));
      const [, target = "", lun] = pathname.split("/");
      this.#paths.set(url, await logIn(shell, { portal: `${GATEWAY}:${port}`, target, lun: Number(lun) }));
    }
  }

  /** What is measured once it is logged in. */
  get rows(): Row[] {
    return WORKS.map((work) => ({
      name: `4 KiB random ${NAMES[work.rw]}, depth ${work.depth}, by fio in a guest`,
      required: undefined,
      unit: "I/O/s",
      measure: (contender, seconds) => this.#rate(contender, work, seconds),
    }));
  }

  /** I/Os a second, past the guest's page cache. */
  async #rate({ url }: Contender, { rw, depth }: Work, seconds: number): Promise<number> {
    if (this.#shell === undefined) throw new Error("the guest is not up");
    const shape = `--bs=4k --iodepth=${depth} --rw=${rw} --runtime=${seconds} --time_based --norandommap`;
    const how = "--name=bench --ioengine=libaio --direct=1 --randrepeat=0 --output-format=json";
    // A colon, as paths have it, would end a name for fio.
    const command = `fio ${how} ${shape} --filename=$(readlink -f ${this.#paths.get(url)})`;
    const script = `if ${command} > ${REPORT} 2> ${ERRORS}; then cat ${REPORT}; else code=$?; cat ${ERRORS}; exit $code; fi`;
    const { exitCode, said } = await this.#shell.attempt(script, seconds * 1000 + BESIDE_MS);
    if (exitCode !== 0) throw new Error(`fio ended with ${exitCode}: ${said}`);
    const [job] = JSON.parse(said.slice(said.indexOf("{"))).jobs;
    return job[NAMES[rw]].iops;
  }

  async close(): Promise<void> {
    const [failure] = await closeInTurn(this.#ends.splice(0));
    if (failure !== undefined) throw failure;
  }
}
