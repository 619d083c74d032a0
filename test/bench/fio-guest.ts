/**
 * fio in a guest, whose kernel is the initiator (Debian's open-iscsi). For information: the guest's processor is software, and
 * what it needs for an I/O is many times what either target does.
 */
import { bootGuest, GATEWAY } from "../helpers/guest.ts";
import { guestShell, logIn } from "../helpers/guest-shell.ts";
import { MAPPED_INITIATORS } from "../helpers/mapped-disk.ts";
import type { Contender } from "./contenders.ts";
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

export class FioGuest {
  readonly #ends: (() => Promise<void>)[] = [];
  #sh: (script: string) => Promise<string> = () => Promise.reject(new Error("the guest is not up"));
  /** Of the contenders' disks in the guest, by URL. */
  readonly #paths = new Map<string, string>();

  /** Boots a guest and logs it in to both. To be closed, also where that fails. */
  async boot(contenders: readonly Contender[]): Promise<void> {
    const owner = { teardown: (end: () => Promise<void>) => void this.#ends.unshift(end) };
    const { runDir } = await bootGuest(owner, {
      additions: ["fio"],
      spec: { memoryMiB: MEMORY_MIB },
      config: { initiatorName: MAPPED_INITIATORS[0] },
    });
    const shell = guestShell(runDir);
    this.#sh = shell.sh;
    for (const { url } of contenders) {
      const { port, pathname } = new URL(url.replace("iscsi:", "http:"));
      const [, target = "", lun] = pathname.split("/");
      this.#paths.set(url, await logIn(shell, { portal: `${GATEWAY}:${port}`, target, lun: Number(lun) }));
    }
  }

  /** What is measured once it is up. */
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
    const shape = `--bs=4k --iodepth=${depth} --rw=${rw} --runtime=${seconds} --time_based --norandommap`;
    const how = "--name=bench --ioengine=libaio --direct=1 --randrepeat=0 --output-format=json";
    // A colon, as paths have it, would end a name for fio.
    const said = await this.#sh(`fio ${how} ${shape} --filename=$(readlink -f ${this.#paths.get(url)})`);
    const [job] = JSON.parse(said.slice(said.indexOf("{"))).jobs;
    return job[NAMES[rw]].iops;
  }

  async close(): Promise<void> {
    for (const end of this.#ends) await end();
  }
}
