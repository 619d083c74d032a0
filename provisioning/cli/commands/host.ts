import type { ExportPath, Host } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import { table } from "../output.ts";
import { integer } from "../parse.ts";
import type { Verb, VerbContext } from "../verb.ts";

export const hostVerbs: readonly Verb[] = [
  {
    usage: "list",
    summary: "All hosts: guests that are started here, and machines that are let in",
    examples: ["sanlab host list", "sanlab host list --json"],
    run: list,
  },
  {
    usage: "start <name>",
    summary: "Start a guest; returns when it sees its disks",
    examples: ["sanlab host start web"],
    run: async (context, [name]) => {
      const { startHostWith } = await import("../../apply/single.ts");
      const { findGuest } = await import("../guest.ts");
      const guest = await findGuest(context.state, String(name));
      await startHostWith(context, guest.record.name, guest.isRunning);
      await context.print({ host: name, state: "running" }, () => `Host '${name}' runs and sees its disks.`);
    },
  },
  {
    usage: "stop <name>",
    summary: "Stop a guest: it unmounts and logs out, if it still can",
    examples: ["sanlab host stop web"],
    run: async (context, [name]) => {
      const { stopHostWith } = await import("../../apply/single.ts");
      const { findGuest } = await import("../guest.ts");
      const guest = await findGuest(context.state, String(name));
      await stopHostWith(context, guest.record.name);
      await context.print({ host: name, state: "stopped" }, () => `Host '${name}' is stopped.`);
    },
  },
  {
    usage: "console <name>",
    summary: "The guest's serial console, with a shell as root; Ctrl-] leaves it",
    examples: ["sanlab host console web"],
    run: async (context, [name]) => {
      const { openConsole } = await import("../guest.ts");
      return openConsole(context, String(name));
    },
  },
  {
    usage: "exec <name> <command...>",
    summary: "Run a command in a guest, as root; output and exit code are the command's",
    examples: [
      "sanlab host exec web -- lsblk",
      "sanlab host exec web -- sh -c 'mkfs.ext4 /dev/mapper/mpatha && mount /dev/mapper/mpatha /mnt'",
      "echo hello | sanlab host exec --stdin web -- cat",
    ],
    options: [
      new Option("-i, --stdin", "pass standard input on to the command"),
      new Option("--timeout <seconds>", "end the command after this time").argParser(integer),
    ],
    passThrough: true,
    run: async (context, [name, command], options) => {
      const { execInGuest } = await import("../guest.ts");
      return execInGuest(context, String(name), command as string[], options as { stdin?: boolean; timeout?: number });
    },
  },
];

async function list(context: VerbContext): Promise<void> {
  const { readQemuHosts } = await import("../../api/running-lab.ts");
  const [hosts, paths, guests] = await Promise.all([
    context.api.get<Host[]>("/hosts"),
    context.api.get<ExportPath[]>("/exports"),
    readQemuHosts(context.state),
  ]);
  const { isPaused } = await import("../../apply/host-power.ts");
  const running = guests.filter(({ isRunning }) => isRunning).map(({ record }) => record.name);
  const paused = await Promise.all(
    running.map(async (name) => ((await isPaused(context.state, name)) === true ? [name] : [])),
  );
  const rows = hosts.map(({ name, iqn }) => {
    const guest = guests.find(({ record }) => record.name === name);
    const disks = [...new Set(paths.filter((path) => path.host === name).map(({ disk }) => disk))];
    const kind = guest === undefined ? "external" : "guest";
    return {
      name,
      iqn,
      kind,
      state: paused.flat().includes(name) ? "paused" : stateOf(guest),
      initiator: guest?.record.initiator ?? null,
      disks,
    };
  });
  await context.print(rows, () =>
    table(
      ["HOST", "KIND", "STATE", "INITIATOR", "DISKS", "IQN"],
      rows.map(({ name, kind, state, initiator, disks, iqn }) => [
        name,
        kind,
        state ?? "-",
        initiator ?? "-",
        disks.join(", "),
        iqn,
      ]),
    ),
  );
}

function stateOf(guest: { isRunning: boolean; record: { wanted: string } } | undefined): string | null {
  if (guest === undefined) return null;
  if (guest.isRunning) return "running";
  return guest.record.wanted === "running" ? "died" : "stopped";
}
