/** What goes wrong, and when. */
import type { Mischief } from "../world/config.ts";
import type { Trouble } from "../world/disk-troubles.ts";
import type { Lab } from "../world/lab.ts";
import type { SimProcess } from "../world/sim-agent.ts";
import { SEGMENT_BLOCKS } from "../world/sim-disk.ts";

/** Records of what is half done: between two commits that touch them is where a crash hurts most. */
const STEPS = ["copying/", "releasing/", "agent/"] as const;

const ACTS: { readonly [M in Mischief]: (lab: Lab) => void } = {
  break: (lab) => {
    const connections = [...lab.connections];
    if (connections.length > 0) lab.chance.pick(connections).break();
  },
  kill: (lab) => someProcess(lab)?.kill(),
  pause: (lab) => pause(lab, lab.chance.between(1, 400)),
  longPause: (lab) => {
    const { leased, leaseMs } = lab.config;
    pause(lab, lab.chance.between(2000, leased > 0 && lab.chance.hit(0.5) ? 2 * leaseMs : 30_000));
  },
  partition: (lab) => {
    const process = someProcess(lab);
    if (process === undefined) return;
    lab.partition(process.core.options.name, lab.chance.between(100, longestPartitionMs(lab)));
    // Each side hears of it, or neither.
    if (lab.chance.hit(0.5)) process.connection?.break();
  },
  crash,
  crashAtCommit: (lab) => {
    const crash = () => {
      lab.controller.crash();
      restart(lab);
    };
    const when = lab.chance.pick(["before", "after"] as const);
    const touches = lab.chance.pick(["", "", "", ...STEPS]);
    lab.store.crashAt ??= { commits: 1 + lab.chance.below(touches === "" ? 6 : 2), touches, when, crash };
  },
  powerLoss: (lab) => {
    losePower(lab);
    restart(lab);
  },
  stuckDevice: (lab) => {
    if (lab.disks.size > 0) lab.stick(lab.chance.pick([...lab.disks.keys()]), lab.chance.between(100, 15_000));
  },
  badBlock: (lab) => {
    const places = [...lab.durable.locations()];
    if (places.length === 0) return;
    const { location } = lab.chance.pick(places);
    const block = location.segment * SEGMENT_BLOCKS + lab.chance.pick([0, 60, SEGMENT_BLOCKS - 1]);
    const path = lab.durable.path(location);
    if (lab.disks.has(path)) lab.spoil(path, block, lab.chance.between(50, 5000));
  },
  writesFail: (lab) => trouble(lab, "write"),
  deviceFull: (lab) => trouble(lab, "full"),
  syncsFail: (lab) => trouble(lab, "sync"),
  pull: (lab) => {
    if (lab.disks.size === 0) return;
    lab.pull(lab.chance.pick([...lab.disks.keys()]), lab.chance.between(500, 20_000));
    // The controller has it open until it begins anew.
    if (lab.chance.hit(0.7)) crash(lab);
  },
  repeat: (lab) => lab.replays.repeat(),
};

/** Goes on until the hosts have done their work. */
export function beginMischief(lab: Lab): void {
  const { scheduler, chance, config } = lab;
  if (Object.values(config.mischief).every((weight) => weight === 0)) return;
  scheduler.after(chance.delay(config.mischiefMs), () => {
    if (lab.isMischiefOver) return;
    const act = chance.weighted<Mischief>(config.mischief);
    scheduler.note(`mischief: ${act}`);
    ACTS[act](lab);
    beginMischief(lab);
  });
}

/** The controller dies; its supervisor starts it again. */
export function crash(lab: Lab): void {
  if (lab.isMischiefOver) return;
  lab.controller.crash();
  restart(lab);
}

function losePower(lab: Lab): void {
  lab.scheduler.note("the power is lost");
  const tick = lab.scheduler.tick();
  lab.controller.crash();
  for (const process of [...lab.processes.values()]) process.kill();
  for (const disk of lab.disks.values()) disk.losePower(lab.chance);
  lab.model.powerLost(tick);
}

function someProcess(lab: Lab): SimProcess | undefined {
  return lab.processes.size === 0 ? undefined : lab.chance.pick([...lab.processes.values()]);
}

function pause(lab: Lab, ms: number): void {
  const process = someProcess(lab);
  if (process === undefined || process.isPaused) return;
  process.pause();
  lab.excuse(process.core.options.name, ms);
  lab.scheduler.after(ms, () => process.resume());
}

/** An agent under a lease is also back soon after it was over, before anybody goes on without it. */
function longestPartitionMs({ config, chance }: Lab): number {
  if (config.leased === 0) return 15_000;
  return chance.hit(0.5) ? 2 * config.leaseMs : 40_000;
}

function trouble(lab: Lab, kind: Trouble): void {
  if (lab.disks.size > 0) lab.trouble(lab.chance.pick([...lab.disks.keys()]), kind, lab.chance.between(20, 2000));
}

/** The supervisor starts the controller again; what happens to be away for long is away for its agents too. */
function restart(lab: Lab): void {
  lab.scheduler.after(lab.chance.between(1, 500), () => {
    if (lab.controller.life === undefined) lab.controller.start();
  });
}
