/** The lab that a scenario runs on: its controller, its supervisor and its guests. */
import type { Disk } from "@sanlab/controller/api/resources.ts";
import { type GuestExecResult, guestExec } from "@sanlab/vm";
import { ApiClient } from "../api/client.ts";
import { hostRunDirectory } from "../state/layout.ts";
import { SupervisorClient } from "../supervisor/client.ts";
import { UserError } from "../user-error.ts";
import { FIND_DEVICE } from "./guest-scripts.ts";
import { DISK_WORD, disksIn } from "./raw.ts";
import type { GuestCommand, LoadSpec } from "./scenario.ts";

/** For a guest's answer to a question about itself. */
const LOOK_TIMEOUT_MS = 15_000;

export class Site {
  /** Absolute path of the state directory. */
  readonly state: string;
  readonly api: ApiClient;
  readonly supervisor: SupervisorClient;
  readonly signal: AbortSignal;
  /** Where commands run, so that files have their names relative to the scenario's. */
  readonly directory: string;
  /** Loads that were started, by name. */
  readonly loads = new Map<string, LoadSpec>();
  /** Checksums of disks, by the names under which they are remembered. */
  readonly remembered = new Map<string, string>();
  /** How many I/Os a load had ended, by the names under which that is remembered. */
  readonly marks = new Map<string, number>();
  /** Faults that the scenario added and has not cleared. */
  readonly faults = new Set<string>();
  /** NAA identifiers never change, so those of disks seen before are known while the controller is away. */
  readonly #naas = new Map<string, string>();

  constructor(state: string, directory: string, signal: AbortSignal) {
    this.state = state;
    this.directory = directory;
    this.signal = signal;
    this.api = new ApiClient(state, signal);
    this.supervisor = new SupervisorClient(state);
  }

  /** Learns what disks there are. */
  async learn(): Promise<void> {
    for (const { name, naa } of await this.api.get<Disk[]>("/disks")) this.#naas.set(name, naa);
  }

  /** `argv` in a guest, without a shell. */
  guest(host: string, argv: readonly string[], timeoutMs = LOOK_TIMEOUT_MS): Promise<GuestExecResult> {
    return guestExec(hostRunDirectory(this.state, host), argv, { timeoutMs, signal: this.signal });
  }

  /** One of our scripts in a guest, with its arguments; throws where it fails. */
  async script(host: string, script: string, args: readonly string[], timeoutMs?: number): Promise<string> {
    const { exitCode, stdout, stderr } = await this.guest(host, ["sh", "-c", script, "sanlab", ...args], timeoutMs);
    if (exitCode === 0) return stdout.trimEnd();
    const words = stderr.trim().split("\n").at(-1) ?? "";
    throw new UserError("HOST", `In host '${host}' a step ended with ${exitCode}${words === "" ? "" : `: ${words}`}.`);
  }

  async naaOf(disk: string): Promise<string> {
    if (!this.#naas.has(disk)) await this.learn();
    const naa = this.#naas.get(disk);
    if (naa === undefined) throw new UserError("REFUSED", `There is no disk '${disk}'.`);
    return naa;
  }

  /** The device through which a guest uses a disk. */
  async deviceOf(host: string, disk: string): Promise<string> {
    const device = await this.script(host, FIND_DEVICE, [await this.naaOf(disk)]);
    if (device === "") throw new UserError("HOST", `Host '${host}' does not see disk '${disk}'.`);
    return device;
  }

  /** A guest's command with `{disk:NAME}` in its words replaced by the device through which the guest uses that disk. */
  async commandOf({ host, command }: Pick<GuestCommand, "host" | "command">): Promise<string[]> {
    const names = [...new Set(command.flatMap(disksIn))];
    const devices = new Map<string, string>();
    for (const name of names) devices.set(name, await this.deviceOf(host, name));
    return command.map((word) => word.replaceAll(DISK_WORD, (_, name: string) => devices.get(name) ?? ""));
  }

  /** What a load reads or writes, in its guest. */
  async targetOf({ host, target }: LoadSpec): Promise<string> {
    return "disk" in target ? this.deviceOf(host, target.disk) : target.file;
  }

  load(name: string): LoadSpec {
    const load = this.loads.get(name);
    if (load === undefined) throw new UserError("REFUSED", `Load '${name}' was not started.`);
    return load;
  }
}
