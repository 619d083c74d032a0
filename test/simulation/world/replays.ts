/** Messages that are there a second time, long after they were sent: to whoever has the name by then. */
import type { Chance } from "../engine/chance.ts";
import type { Carried } from "./carried.ts";
import type { SimProcess } from "./sim-agent.ts";

export type Direction = "up" | "down";

interface Remembered {
  readonly agent: string;
  readonly direction: Direction;
  readonly message: Carried;
  readonly type: string;
}

/** What a process of an agent was told first by a process of the controller. */
interface Opening {
  readonly agent: string;
  readonly key: string;
  readonly messages: Carried[];
}

const REMEMBERED = 300;
/** So many messages come again at most, in the order in which they were sent. */
const REPEATED = 20;
/** Messages of an opening: those that have the numbers which the next session begins with, too. */
const OPENING = 60;
const OPENINGS = 24;

export class Replays {
  readonly #chance: Chance;
  readonly #arrive: (agent: string, direction: Direction, message: Carried) => void;
  readonly #remembered: Remembered[] = [];
  readonly #openings: Opening[] = [];

  constructor(chance: Chance, arrive: (agent: string, direction: Direction, message: Carried) => void) {
    this.#chance = chance;
    this.#arrive = arrive;
  }

  /** What belongs to a connection's opening is never taken for another's. `epoch`: of the controller's process. */
  remember({ pid, core }: SimProcess, epoch: number, direction: Direction, message: Carried): void {
    if (isHandshake(message)) return;
    const agent = core.options.name;
    this.#remembered.push({ agent, direction, message, type: typeOf(message) });
    if (this.#remembered.length > REMEMBERED) this.#remembered.shift();
    if (direction === "down") this.#open(agent, `${pid}/${epoch}`, message);
  }

  /** Some messages again: of a type that may be rare, with those that came after, or what an earlier session began with. */
  repeat(): void {
    if (this.#remembered.length === 0) return;
    if (this.#chance.hit(0.3) && this.#repeatOpening()) return;
    const type = this.#chance.pick([...new Set(this.#remembered.map((one) => one.type))]);
    const first = this.#chance.pick(this.#remembered.filter((one) => one.type === type));
    const same = this.#remembered.filter(
      ({ agent, direction }) => agent === first.agent && direction === first.direction,
    );
    const from = same.indexOf(first);
    for (const { agent, direction, message } of same.slice(from, from + 1 + this.#chance.below(REPEATED)))
      this.#arrive(agent, direction, message);
  }

  #open(agent: string, key: string, message: Carried): void {
    let opening = this.#openings.find((one) => one.agent === agent && one.key === key);
    if (opening === undefined) {
      opening = { agent, key, messages: [] };
      this.#openings.push(opening);
      if (this.#openings.length > OPENINGS) this.#openings.shift();
    }
    if (opening.messages.length < OPENING) opening.messages.push(message);
  }

  #repeatOpening(): boolean {
    const latest = new Map(this.#openings.map((opening) => [opening.agent, opening]));
    const earlier = this.#openings.filter((opening) => latest.get(opening.agent) !== opening);
    if (earlier.length === 0) return false;
    const { agent, messages } = this.#chance.pick(earlier);
    for (const message of messages.slice(this.#chance.below(messages.length))) this.#arrive(agent, "down", message);
    return true;
  }
}

export function isHandshake(message: Carried): boolean {
  return typeof message === "string" && /"type":"(hello|welcome|refused)"/.test(message);
}

function typeOf(message: Carried): string {
  if (typeof message !== "string") return "chunk";
  const from = message.indexOf('"type":"') + 8;
  return message.slice(from, message.indexOf('"', from));
}
