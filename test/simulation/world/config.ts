/** What kind of run a seed is: sizes, speeds, and which mischief there is. Every run leaves much of it out, so that the rest shows. */
import type { Chance } from "../engine/chance.ts";

/** Segments of a disk: few, so that hosts meet; and more than one chunk of a table. */
export const DISK_SEGMENTS = [2, 4, 6, 12, 1030] as const;
export const MOST_DISKS = 5;

export interface Config {
  readonly agents: number;
  /** So many of them serve under leases, by clocks of their own that run at unequal rates. */
  readonly leased: number;
  readonly leaseMs: number;
  readonly clockRates: readonly number[];
  readonly hosts: number;
  readonly disks: number;
  /** Segments of each device, the label's included. */
  readonly deviceSegments: number;
  readonly devices: number;
  /** Names; each has so many devices at first. */
  readonly pools: readonly string[];
  /** Devices that hold something already. */
  readonly usedDevices: boolean;
  readonly queueWhenFullMs: number;
  /** Mean times, ms. */
  readonly networkMs: number;
  /** How many times as slow some connections are. */
  readonly slowWays: number;
  readonly diskMs: number;
  readonly storeMs: number;
  /** Share of I/O that is done in the call that began it. */
  readonly immediateIo: number;
  readonly immediateCommits: number;
  /** Share of what was on its way in a connection that broke which comes late. */
  readonly late: number;
  /** Commands of each host, and the mean time between them. */
  readonly commands: number;
  readonly thinkMs: number;
  /** Hosts change what units are. */
  readonly registers: boolean;
  /** Initiators take disks from each other by reservations. */
  readonly reserves: boolean;
  /** What the hosts do, by weight. */
  readonly work: Readonly<Record<HostWork, number>>;
  readonly administration: Readonly<Record<Administration, number>>;
  readonly administrationMs: number;
  readonly mischief: Readonly<Record<Mischief, number>>;
  readonly mischiefMs: number;
  /** Few segments of a disk are used, so that hosts meet. */
  readonly hotSegments: number;
}

export type HostWork = "read" | "write" | "sequence" | "zero" | "unmap" | "flush" | "swap" | "cancel";
export type Administration =
  | "snapshot"
  | "restore"
  | "create"
  | "thick"
  | "delete"
  | "resize"
  | "view"
  | "unview"
  | "grow"
  | "remove"
  | "lose"
  | "loseForGood"
  | "open"
  | "zone"
  | "unzone"
  | "migrate"
  | "evacuate"
  | "rebalance"
  | "cancelMove"
  | "fail"
  | "heal";
export type Mischief =
  | "break"
  | "kill"
  | "pause"
  | "longPause"
  | "partition"
  | "crash"
  | "crashAtCommit"
  | "powerLoss"
  | "stuckDevice"
  | "badBlock"
  | "writesFail"
  | "deviceFull"
  | "syncsFail"
  | "pull"
  | "repeat";

/** What takes several steps, each of which may be the last for a while. */
const DONE_IN_STEPS: readonly Administration[] = [
  "snapshot",
  "restore",
  "delete",
  "loseForGood",
  "migrate",
  "evacuate",
  "fail",
];
const RARE_MISCHIEF: readonly Mischief[] = ["crashAtCommit", "badBlock", "writesFail", "syncsFail", "pull", "repeat"];

export function drawConfig(chance: Chance): Config {
  const some = (weight: number, probability = 0.5) => (chance.hit(probability) ? weight : 0);
  const fast = chance.hit(0.5);
  const moves = chance.hit(0.4);
  const removes = chance.hit(0.2);
  const fails = chance.hit(0.2);
  const config = {
    agents: chance.pick([1, 2, 2, 3]),
    hosts: chance.pick([1, 2, 3, 4]),
    disks: chance.pick([1, 1, 2, 3]),
    deviceSegments: chance.pick([5, 9, 17, 33]),
    devices: chance.pick([1, 1, 2]),
    usedDevices: chance.hit(0.3),
    queueWhenFullMs: chance.pick([0, 0, 300]),
    networkMs: fast ? 0.5 : chance.pick([0.1, 2, 20]),
    slowWays: chance.pick([1, 5, 30]),
    diskMs: chance.pick([0.2, 1, 10]),
    storeMs: chance.pick([0.2, 1, 10]),
    immediateIo: chance.pick([0, 0.2, 0.5]),
    immediateCommits: chance.pick([0, 0.5, 1]),
    late: chance.pick([0, 0.3, 0.8]),
    commands: chance.pick([10, 20, 40]),
    thinkMs: chance.pick([1, 5, 30]),
    work: {
      read: 5,
      write: 5,
      zero: some(1),
      unmap: some(2),
      flush: some(1),
      swap: 0,
      sequence: 0,
      cancel: some(1, 0.3),
    },
    administration: {
      snapshot: some(4, 0.6),
      restore: some(3, 0.3),
      create: some(1),
      thick: some(1),
      delete: some(2),
      resize: some(1),
      view: 0,
      unview: 0,
      grow: some(1, 0.3),
      remove: removes ? 1 : 0,
      lose: removes ? some(1) : 0,
      loseForGood: removes ? 2 : 0,
      open: removes || moves ? 2 : 0,
      zone: 1,
      unzone: some(1),
      migrate: moves ? 3 : 0,
      evacuate: moves ? 2 : 0,
      rebalance: moves ? 1 : 0,
      cancelMove: moves ? some(1) : 0,
      fail: fails ? 2 : 0,
      heal: fails ? 2 : 0,
    },
    administrationMs: chance.pick([20, 100, 500]),
    mischief: {
      break: some(4),
      kill: some(2),
      pause: some(2),
      longPause: some(1, 0.3),
      partition: some(1, 0.3),
      crash: some(2),
      crashAtCommit: some(3),
      powerLoss: some(1, 0.3),
      stuckDevice: some(1, 0.2),
      badBlock: some(2, 0.2),
      writesFail: 0,
      deviceFull: 0,
      syncsFail: 0,
      pull: removes ? some(2) : 0,
      repeat: some(4),
    },
    mischiefMs: chance.pick([20, 100, 400, 2000]),
    hotSegments: chance.pick([1, 2, 4, 8]),
  };
  const work = { ...config.work, swap: some(3), sequence: some(8, 0.6) };
  // What is allocated ahead is a part of what is free.
  const deviceSegments = work.sequence > 0 ? chance.pick([17, 33, 65]) : config.deviceSegments;
  const pools = chance.hit(moves ? 0.7 : 0.1) ? ["main", "other"] : ["main"];
  const registers = chance.hit(0.5);
  const leases = drawLeases(chance, config.agents);
  // A system call that is under way when a lease ends is what leases cannot help against (docs/remote-agents.md).
  const mischief =
    leases.leased === 0 ? config.mischief : { ...config.mischief, stuckDevice: 0, longPause: 3, partition: some(3) };
  const isTroubled = chance.hit(0.3);
  const troubles = {
    writesFail: isTroubled ? some(2) : 0,
    deviceFull: isTroubled ? some(2) : 0,
    // An agent under a lease is one of another machine, whose kernel tells the controller nothing.
    syncsFail: isTroubled && leases.leased === 0 ? some(3, 0.7) : 0,
  };
  const reserves = !registers && chance.hit(0.5);
  const views = chance.hit(0.4) ? { view: 4, unview: 1 } : {};
  const administration = { ...config.administration, ...views, ...(isTroubled && { open: 2 }) };
  const asked = favoured(chance, administration, DONE_IN_STEPS);
  // Who opens the device later is asked whether it knows.
  const isAsked = troubles.syncsFail > 0 && chance.hit(0.7);
  return {
    ...config,
    work: isAsked ? { ...work, flush: 3 } : work,
    administration: asked,
    // It is to meet what hosts do, and they are soon done.
    administrationMs: asked === administration ? config.administrationMs : 20,
    deviceSegments,
    registers,
    reserves,
    pools,
    ...leases,
    // Leases are long, and hosts would be done before one is over.
    thinkMs: leases.leased > 0 ? chance.pick([5, 100, 400]) : config.thinkMs,
    mischief: favoured(chance, { ...mischief, ...troubles, ...(isAsked && { kill: 4 }) }, RARE_MISCHIEF),
  };
}

/** In some runs one of these is most of what happens, so that it meets whatever else there is. */
function favoured<K extends string>(
  chance: Chance,
  weights: Readonly<Record<K, number>>,
  kinds: readonly NoInfer<K>[],
) {
  const possible = kinds.filter((kind) => weights[kind] > 0);
  if (possible.length === 0 || !chance.hit(0.5)) return weights;
  const favourite = chance.pick(possible);
  return { ...weights, [favourite]: 10 * weights[favourite] };
}

/** The slowest clock is within the margin that the controller keeps, and so is the slowest I/O after it. */
function drawLeases(chance: Chance, agents: number): Pick<Config, "leased" | "leaseMs" | "clockRates"> {
  const leased = chance.hit(0.25) ? 1 + chance.below(agents) : 0;
  const clockRates = Array.from({ length: leased }, () => chance.pick([1, 0.9, 0.9, 1.1]));
  return { leased, leaseMs: chance.pick([2000, 4000, 20_000, 20_000]), clockRates };
}
