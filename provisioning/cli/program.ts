import { readFileSync } from "node:fs";
import { Command } from "commander";
import { agentVerbs } from "./commands/agent.ts";
import { deviceVerbs } from "./commands/device.ts";
import { diskVerbs } from "./commands/disk.ts";
import { diskImageVerbs, guestImageVerb } from "./commands/disk-image.ts";
import { diskWorkVerbs } from "./commands/disk-work.ts";
import { exportVerbs } from "./commands/export.ts";
import { faultVerbs } from "./commands/fault.ts";
import { hostVerbs } from "./commands/host.ts";
import { hostPowerVerbs } from "./commands/host-power.ts";
import { labVerbs } from "./commands/lab.ts";
import { observationVerbs } from "./commands/observation.ts";
import { operationVerbs } from "./commands/operation.ts";
import { poolVerbs } from "./commands/pool.ts";
import { scenarioVerbs } from "./commands/scenario.ts";
import { sessionVerbs } from "./commands/session.ts";
import { snapshotVerbs } from "./commands/snapshot.ts";
import { tableVerbs } from "./commands/table.ts";
import { zoneVerbs } from "./commands/zone.ts";
import { zoneSetVerbs } from "./commands/zone-set.ts";
import { addDaemons } from "./daemons.ts";
import { addFamily, addVerb, commonOptions, type Verb } from "./verb.ts";

const FAMILIES: readonly (readonly [name: string, summary: string, verbs: readonly Verb[]])[] = [
  ["pool", "Pools of storage devices", poolVerbs],
  ["device", "Storage devices", deviceVerbs],
  [
    "disk",
    "Virtual disks and their mapping tables",
    [...diskVerbs, ...snapshotVerbs, ...diskWorkVerbs, ...diskImageVerbs],
  ],
  ["table", "Further tables of disks: some of their segments, for other hosts", tableVerbs],
  ["agent", "Agents: the iSCSI targets through which hosts see their disks", agentVerbs],
  ["export", "Which host sees which disk", exportVerbs],
  ["zone", "Zones: hosts, agents and disks that may see each other", [...zoneVerbs, ...zoneSetVerbs]],
  ["host", "Hosts, and the guests among them", [...hostVerbs, ...hostPowerVerbs]],
  ["operation", "Work that moves segments", operationVerbs],
  ["session", "iSCSI sessions", sessionVerbs],
  ["fault", "Faults on demand", faultVerbs],
  ["scenario", "Scenarios: timelines of faults, steps and expectations", scenarioVerbs],
];

/** The whole command line. `argv` tells a daemon's call from a verb of the family of the same name. */
export async function buildProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command("sanlab")
    .description("A SAN in software: pools, thin disks, iSCSI agents and QEMU hosts, out of one lab file.")
    .version(version(), "--version", "print the version")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError("(--help shows how it is used)")
    .exitOverride();
  for (const option of commonOptions()) program.addOption(option);
  for (const verb of [...labVerbs, ...observationVerbs, guestImageVerb]) addVerb(program, verb);
  for (const [name, summary, verbs] of FAMILIES) addFamily(program, name, summary, verbs);
  await addDaemons(program, argv);
  program.addHelpText("after", HELP_END);
  for (const command of allCommands(program)) command.exitOverride().enablePositionalOptions();
  return program;
}

const HELP_END = `
Examples:
  $ sanlab init                     write an example lab file, lab.yaml
  $ sanlab up lab.yaml              bring it up
  $ sanlab status                   see what runs
  $ sanlab host exec web -- lsblk   run a command in a guest
  $ sanlab down                     stop it all

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not running.`;

function* allCommands(command: Command): Generator<Command> {
  yield command;
  for (const child of command.commands) yield* allCommands(child);
}

function version(): string {
  const file = new URL("../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
