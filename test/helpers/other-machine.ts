/** Another machine, as far as the network goes: a network namespace with one cable to this one. Made and taken away by root. */
import { randomInt } from "node:crypto";
import { appendFile } from "node:fs/promises";
import { execa } from "execa";

interface Owner {
  teardown(end: () => Promise<void> | void): void;
}

const BIN = new URL("../../provisioning/bin/sanlab.js", import.meta.url).pathname;
const AS_ROOT: readonly string[] = process.getuid?.() === 0 ? [] : ["sudo", "-n"];

export class OtherMachine {
  /** This machine's end of the cable, and its own. */
  readonly here: string;
  readonly there: string;
  readonly #name: string;

  private constructor(number: number) {
    // Of the addresses that are for tests of networks (RFC 2544), four for each cable.
    const network = `198.${18 + (number >> 14)}.${(number >> 6) & 255}`;
    const first = (number & 63) * 4;
    [this.here, this.there] = [`${network}.${first + 1}`, `${network}.${first + 2}`];
    this.#name = `sanlab${number}`;
  }

  static async connect(owner: Owner): Promise<OtherMachine> {
    const machine = new OtherMachine(randomInt(1 << 15));
    await machine.#ip("netns", "add", machine.#name);
    owner.teardown(() => machine.#destroy());
    const name = machine.#name;
    await machine.#ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name);
    await machine.#ip("addr", "add", `${machine.here}/30`, "dev", name);
    await machine.#ip("link", "set", name, "up");
    await machine.#ip("-n", name, "addr", "add", `${machine.there}/30`, "dev", "eth0");
    await machine.#ip("-n", name, "link", "set", "eth0", "up");
    await machine.#ip("-n", name, "link", "set", "lo", "up");
    return machine;
  }

  /** Runs there to its end; what it wrote, or undefined where it failed. */
  async run(...command: readonly string[]): Promise<string | undefined> {
    const result = await execa(...program([...this.#inside(), ...command]), { reject: false, all: true });
    return result.failed ? undefined : result.all;
  }

  /** `sanlab ARGS`, which goes on until the machine is taken away; what it says goes to `log`. */
  sanlab(log: string, ...args: readonly string[]): void {
    const child = execa(...program([...this.#inside(), process.execPath, BIN, ...args]), {
      reject: false,
      all: true,
      stdin: "ignore",
    });
    child.all.on("data", (chunk: Buffer) => void appendFile(log, chunk));
  }

  /** To every process of the machine. */
  async signal(signal: "STOP" | "CONT" | "KILL" | "TERM"): Promise<void> {
    const pids = await this.#pids();
    if (pids.length > 0) await execa(...program([...AS_ROOT, "kill", `-${signal}`, ...pids]), { reject: false });
  }

  /** Pulls the cable, or puts it back. */
  async cable(state: "up" | "down"): Promise<void> {
    await this.#ip("link", "set", this.#name, state);
  }

  async #destroy(): Promise<void> {
    for (let pids = await this.#pids(); pids.length > 0; pids = await this.#pids()) {
      await this.signal("KILL");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await this.#ip("netns", "del", this.#name);
  }

  async #pids(): Promise<string[]> {
    const { stdout } = await execa(...program([...AS_ROOT, "ip", "netns", "pids", this.#name]));
    return stdout.split("\n").filter((line) => line !== "");
  }

  async #ip(...args: readonly string[]): Promise<void> {
    await execa(...program([...AS_ROOT, "ip", ...args]));
  }

  #inside(): string[] {
    return [...AS_ROOT, "ip", "netns", "exec", this.#name];
  }
}

function program([file = "", ...args]: readonly string[]): [string, string[]] {
  return [file, args];
}
