import type { Disk, SnapshotRequest } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import { ExitCode, UserError } from "../../user-error.ts";
import * as parse from "../parse.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { diskRow } from "./disk.ts";

const READ_ONLY = new Option("--read-only", "hosts may read it, and nothing else");

/** Verbs of the family `disk`. */
export const snapshotVerbs: readonly Verb[] = [
  {
    usage: "snapshot <disk> <name> [more...]",
    summary: "Keep a disk as it is now under a name; of several disks (DISK NAME DISK NAME …) at one instant",
    examples: [
      "sanlab disk snapshot data data-monday",
      "sanlab disk snapshot data data-monday --read-only",
      "sanlab disk snapshot data data-monday log log-monday",
    ],
    arguments: { disk: "the disk", name: "the name of its snapshot", more: "further disks, each with a name" },
    options: [READ_ONLY],
    run: async (context, [disk, name, more], options) => {
      const words = [disk, name, ...(more as string[])].map(String);
      const made = await take(context, "snapshot", words, options.readOnly === true);
      const names = made.map((one) => `'${one.name}'`).join(", ");
      await context.print(made.map(diskRow), () =>
        made.length === 1 ? `Snapshot ${names} is taken.` : `Snapshots ${names} are taken, all at one instant.`,
      );
    },
  },
  {
    usage: "clone <disk> <name>",
    summary: "Make a writable disk that begins as another is now, and shares with it what neither changes",
    examples: ["sanlab disk clone golden web-1"],
    run: async (context, [disk, name]) => {
      const [made] = (await take(context, "clone", [String(disk), String(name)], false)) as [Disk];
      await context.print(diskRow(made), () => `Disk '${made.name}' is a clone of '${String(disk)}'.`);
    },
  },
  {
    usage: "restore <disk> <snapshot>",
    summary: "Make a disk what a snapshot of it is; what was written since is gone, and the snapshot stays",
    examples: ["sanlab disk restore data data-monday", "sanlab disk restore data data-monday --force"],
    options: [new Option("--force", "although hosts have sessions to it; they are told that the medium has changed")],
    run: async (context, [disk, snapshot], { force }) => {
      const body = { snapshot: String(snapshot), force: force === true };
      const restored = await context.api.post<Disk>(`/disks/${String(disk)}/restore`, body);
      await context.print(diskRow(restored), () => `Disk '${restored.name}' is what '${String(snapshot)}' is.`);
    },
  },
];

async function take(
  context: VerbContext,
  kind: "snapshot" | "clone",
  words: readonly string[],
  readOnly: boolean,
): Promise<Disk[]> {
  if (words.length % 2 !== 0) {
    throw new UserError("USAGE", `Disk '${words.at(-1)}' has no name for its snapshot; give a name after each disk.`, {
      exitCode: ExitCode.USAGE,
    });
  }
  const snapshots: { disk: string; name: string }[] = [];
  for (let at = 0; at < words.length; at += 2) {
    snapshots.push({ disk: words[at] as string, name: parse.name(words[at + 1] as string) });
  }
  const request: SnapshotRequest = { snapshots, kind, readOnly };
  return context.api.post<Disk[]>("/snapshots", request);
}
