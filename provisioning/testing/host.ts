import type { ExportPath } from "@sanlab/controller/api/resources.ts";
import { type GuestExecOptions, type GuestExecResult, guestExec, readConsoleTail } from "@sanlab/vm";
import { pauseHost, resetHostWith, resumeHost, setHostLink } from "../apply/host-power.ts";
import { cutHostPower } from "../apply/host-steps.ts";
import { startHostWith, stopHostWith } from "../apply/single.ts";
import { hideDiskWith, settleHostsWith, showDiskWith } from "../apply/visibility.ts";
import { parseUnit } from "../lab/unit-name.ts";
import { hostRunDirectory } from "../state/layout.ts";
import { UserError } from "../user-error.ts";
import type { Running } from "./running.ts";

/** A host of a lab: a guest of ours, or somebody else's machine, which only has paths. */
export class HostHandle {
  readonly name: string;
  readonly #running: Running;

  constructor(running: Running, name: string) {
    this.#running = running;
    this.name = name;
  }

  /** Every path to its disks: portal, target, LUN, and the URL as libiscsi and QEMU take it. */
  async paths(): Promise<ExportPath[]> {
    const paths = await this.#running.api.get<ExportPath[]>("/exports");
    return paths.filter(({ host }) => host === this.name);
  }

  /** Runs a program in the guest, as root, without a shell. */
  exec(argv: readonly string[], options: GuestExecOptions = {}): Promise<GuestExecResult> {
    return guestExec(this.#directory, argv, { signal: this.#running.signal, ...options });
  }

  /** Runs a shell script in the guest and resolves with its standard output. @throws UserError with all that was said where it fails */
  async sh(script: string, options: GuestExecOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.exec(["sh", "-c", script], options);
    if (exitCode === 0) return stdout.trimEnd();
    const said = `${stdout}\n${stderr}`.split("\n").filter((line) => line.trim() !== "");
    throw new UserError(
      "HOST",
      `A script in host '${this.name}' ended with ${exitCode}: ${said.at(-1) ?? "it said nothing"}.`,
      {
        details: said,
      },
    );
  }

  /** The last lines of its console. */
  console(lines = 50): Promise<string[]> {
    return readConsoleTail(this.#directory, lines);
  }

  /** Resolves when it sees its disks. */
  start(): Promise<void> {
    return startHostWith(this.#running.options, this.name, false);
  }

  /** It unmounts and logs out, if it still can. */
  stop(): Promise<void> {
    return stopHostWith(this.#running.options, this.name);
  }

  /** Cuts its power. */
  kill(): Promise<void> {
    return cutHostPower(this.#running.state, this.name);
  }

  /** Presses its reset button; resolves when it sees its disks again. */
  reset(): Promise<void> {
    return resetHostWith(this.#running.options, this.name, { waits: true });
  }

  pause(): Promise<void> {
    return pauseHost(this.#running.state, this.name);
  }

  resume(): Promise<void> {
    return resumeHost(this.#running.state, this.name);
  }

  /** Pulls the cable of a network card (counted from 1), or puts it back. */
  link(card: number, state: "up" | "down"): Promise<void> {
    return setHostLink(this.#running.state, this.name, card, state === "up");
  }

  /** Shows it a disk, or a further table of one (`DISK/TABLE`); resolves when it sees it. */
  show(disk: string, options: { readonly lun?: number; readonly agents?: readonly string[] } = {}): Promise<void> {
    return showDiskWith(this.#running.options, { host: this.name, ...parseUnit(disk), ...options });
  }

  /** Takes a disk, or a further table of one, from it; resolves when it has let go. */
  hide(disk: string): Promise<void> {
    return hideDiskWith(this.#running.options, { host: this.name, ...parseUnit(disk) });
  }

  /** Has it look at its disks anew. */
  rescan(): Promise<void> {
    return settleHostsWith(this.#running.options, [this.name]);
  }

  get #directory(): string {
    return hostRunDirectory(this.#running.state, this.name);
  }
}
