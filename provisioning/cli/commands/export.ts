import { resolve } from "node:path";
import type { Agent, ExportPath, Host } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import { FORMATS, scriptOf, textOf, writeScript } from "../../export-script/formats.ts";
import { subjectOf } from "../../export-script/subject.ts";
import { unitName } from "../../lab/unit-name.ts";
import { table } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb } from "../verb.ts";

export const exportVerbs: readonly Verb[] = [
  {
    usage: "create <host> <disk>",
    summary: "Show a disk to a host, through the agents of their zones",
    examples: [
      "sanlab export create web data",
      "sanlab export create web data --lun 3",
      "sanlab export create web data --agent a --agent b",
      "sanlab export create web data --table first-half",
    ],
    options: [
      tableOption(),
      new Option("--lun <number>", "the logical unit number; without it the lowest that is free").argParser(parse.lun),
      new Option(
        "--agent <name>",
        "only through this agent (may be repeated); without it, through all of the zones",
      ).argParser(parse.names),
    ],
    run: async (context, [host, disk], { lun, agent, table: name }) => {
      const { showDiskWith } = await import("../../apply/visibility.ts");
      const agents = agent as readonly string[] | undefined;
      await showDiskWith(context, {
        host: String(host),
        disk: String(disk),
        ...(name === undefined ? {} : { table: name as string }),
        ...(lun === undefined ? {} : { lun: lun as number }),
        ...(agents === undefined ? {} : { agents }),
      });
      const paths = (await context.api.get<ExportPath[]>("/exports")).filter(
        (path) => path.host === host && path.unit === unitName(String(disk), name as string | undefined),
      );
      await context.print(paths, () =>
        paths.length === 0
          ? `No zone has host '${host}', disk '${disk}' and an agent yet: make one with 'sanlab zone create'.`
          : text(paths),
      );
    },
  },
  {
    usage: "list",
    summary: "Every path of every host to every disk, with its URL for libiscsi and QEMU",
    examples: ["sanlab export list", "sanlab export list --json"],
    run: async (context) => {
      const paths = await context.api.get<ExportPath[]>("/exports");
      await context.print(paths, () => text(paths));
    },
  },
  {
    usage: "script <host>",
    summary: "What a person runs elsewhere to attach a host's disks: a script, a domain, a Vagrantfile, …",
    examples: [
      "sanlab export script outside --format iscsiadm > attach.sh",
      "sanlab export script outside --format libvirt > domain.xml",
      "sanlab export script outside --format cloud-init > user-data",
      "sanlab export script outside --format node-db --output etc-iscsi",
    ],
    options: [
      new Option("--format <format>", "what to write").choices(FORMATS).makeOptionMandatory(),
      new Option("--output <directory>", "write files there (created where it is not), rather than to standard output"),
    ],
    run: async (context, [host], { format, output }) => {
      const lab = {
        paths: await context.api.get<ExportPath[]>("/exports"),
        agents: await context.api.get<Agent[]>("/agents"),
        hosts: await context.api.get<Host[]>("/hosts"),
      };
      const script = scriptOf(String(format), subjectOf(String(host), lab));
      if (output === undefined) {
        await context.print({ host, format, ...script }, () => textOf(String(format), script));
        return;
      }
      const files = await writeScript(resolve(String(output)), String(format), script);
      await context.print({ host, format, files }, () => files.join("\n"));
    },
  },
  {
    usage: "delete <host> <disk>",
    summary: "No longer show a disk to a host",
    examples: ["sanlab export delete web data", "sanlab export delete web data --table first-half"],
    options: [tableOption()],
    run: async (context, [host, disk], { table: name }) => {
      const { hideDiskWith } = await import("../../apply/visibility.ts");
      const of = name as string | undefined;
      await hideDiskWith(context, { host: String(host), disk: String(disk), ...(of && { table: of }) });
      await context.print({ host, disk, ...(of && { table: of }) }, () =>
        of === undefined
          ? `Host '${host}' is no longer shown disk '${disk}'.`
          : `Host '${host}' is no longer shown table '${of}' of disk '${disk}'.`,
      );
    },
  },
];

function text(paths: readonly ExportPath[]): string {
  return table(
    ["HOST", "DISK", "LUN", "AGENT", "PORTAL", "URL"],
    paths.map(({ host, unit, lun, agent, portal, url }) => [host, unit, lun, agent, portal, url]),
  );
}

function tableOption(): Option {
  return new Option("--table <name>", "a further table of the disk; without it the disk as a whole").argParser(
    parse.name,
  );
}
