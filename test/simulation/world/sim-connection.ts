/**
 * One connection of an agent's process to a process of the controller. In order while it lives, and
 * gone at any point; what was on its way is lost, or comes late, when another connection or process
 * has taken its place.
 */
import type { AgentSession, Connection } from "@sanlab/controller/agents/agent-session.ts";
import { decodeFrame } from "node-iscsi-target/mapping/frame.ts";
import type { Hello, ToAgent, ToController } from "node-iscsi-target/mapping/protocol.ts";
import type { Carried } from "./carried.ts";
import type { Lab } from "./lab.ts";
import { arriveLate } from "./late.ts";
import type { Direction } from "./replays.ts";
import type { SimProcess } from "./sim-agent.ts";
import type { ControllerLife } from "./sim-controller.ts";

interface OnItsWay {
  readonly message: Carried;
  readonly cancel: () => void;
}

/** Nothing takes so long that its agent would be taken for dead. */
const SLOWEST_MS = 40;

export class SimConnection implements Connection {
  readonly process: SimProcess;
  readonly life: ControllerLife;
  readonly #lab: Lab;
  #session: AgentSession | undefined;
  #isBroken = false;
  readonly #lastMs = { up: 0, down: 0 };
  readonly #meanMs: number;
  readonly #onItsWay: Record<Direction, OnItsWay[]> = { up: [], down: [] };

  constructor(lab: Lab, process: SimProcess, life: ControllerLife) {
    this.#lab = lab;
    this.process = process;
    this.life = life;
    // Some ways are slow, so that what everybody is told is known here long before it is there.
    const { networkMs, slowWays } = lab.config;
    this.#meanMs = lab.chance.hit(0.25) ? Math.max(networkMs, Math.min(networkMs * slowWays, SLOWEST_MS)) : networkMs;
    lab.connections.add(this);
    process.connection = this;
    process.core.connected((message) => {
      lab.guard(() => process.says(message));
      this.#carry("up", JSON.stringify(message));
    });
  }

  /** The controller sends. */
  send(message: ToAgent | Buffer): void {
    if (this.life.isDead) return;
    const header = Buffer.isBuffer(message) ? decodeFrame(message).header : message;
    if (header.type === "chunk" || header.type === "fault_response")
      this.#lab.guard(() => this.#lab.rules.told(header.table, header.epoch));
    if (header.type === "unhold") this.#lab.guard(() => this.#lab.rules.unheld(header));
    const agent = this.process.core.options.name;
    if (header.type === "unmap_response") this.#lab.guard(() => this.#lab.rules.unmaps.answered(agent, header));
    this.#carry("down", Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  /** The controller has had enough of it. */
  close(): void {
    this.break();
  }

  attached(session: AgentSession): void {
    this.#session = session;
  }

  /** Of what is on its way a beginning may still arrive; then each side hears of the end. */
  break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    const { scheduler, chance, config } = this.#lab;
    this.#lab.connections.delete(this);
    for (const direction of ["up", "down"] as const) {
      const messages = this.#onItsWay[direction];
      const arriving = chance.below(messages.length + 1);
      for (const { message, cancel } of messages.slice(arriving)) {
        cancel();
        if (chance.hit(config.late)) {
          scheduler.after(chance.between(0, 3000), () =>
            arriveLate(this.#lab, this.process.core.options.name, direction, message),
          );
        }
      }
    }
    const heardMs = (direction: Direction) =>
      Math.max(scheduler.nowMs, this.#lastMs[direction]) + chance.delay(config.networkMs);
    scheduler.at(heardMs("up"), () => this.life.isDead || this.#session?.detach(this));
    scheduler.at(heardMs("down"), () => this.process.deliver(() => this.#lab.disconnected(this)));
  }

  #carry(direction: Direction, message: Carried): void {
    if (this.#isBroken) return;
    const { scheduler, chance } = this.#lab;
    this.#lab.replays.remember(this.process, this.life.core?.lab.epoch ?? 0, direction, message);
    const nowMs = Math.max(scheduler.nowMs, this.#lab.partitionedUntilMs(this.process));
    this.#lastMs[direction] = Math.max(this.#lastMs[direction], nowMs + chance.delay(this.#meanMs));
    const cancel = scheduler.at(this.#lastMs[direction], () => {
      this.#onItsWay[direction].shift();
      if (direction === "up") this.#arriveUp(message as string);
      else this.process.deliver(() => this.#lab.arriveDown(this.process, message));
    });
    this.#onItsWay[direction].push({ message, cancel });
  }

  /** As the controller's server does (`server/agent-channel.ts`). */
  #arriveUp(text: string): void {
    const { life } = this;
    const core = life.core;
    if (life.isDead || core === undefined) return;
    this.#lab.scheduler.note(`${this.process.name} → ${text}`);
    const message = JSON.parse(text) as ToController;
    if (message.type === "hello") return this.#lab.watch(core.hello(this, message as Hello));
    this.#lab.rules.unmaps.asked(this.process.core.options.name, core, message);
    if (this.#session !== undefined) core.receive(this.process.core.options.name, this.#session, message);
  }
}
