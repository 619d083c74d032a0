import type { Agent, Disk, ExportPath, Host } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import { FORMATS } from "../../export-script/formats.ts";
import { subjectOf } from "../../export-script/subject.ts";
import { table } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb } from "../verb.ts";

export const exportVerbs: readonly Verb[] = [
  {
    usage: "create <host> <disk>",
    summary: "Show a disk to a host, through the agents of their zones",
    examples: ["sanlab export create web data", "sanlab export create web data --lun 3"],
    options: [
      new Option("--lun <number>", "the logical unit number; without it the lowest that is free").argParser(
        parse.integer,
      ),
    ],
    run: async (context, [host, disk], { lun }) => {
      await context.api.post("/exports", { host, disk, ...(lun === undefined ? {} : { lun }) });
      const paths = (await context.api.get<ExportPath[]>("/exports")).filter(
        (path) => path.host === host && path.disk === disk,
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
    ],
    options: [new Option("--format <format>", "what to write").choices(Object.keys(FORMATS)).makeOptionMandatory()],
    run: async (context, [host], { format }) => {
      const lab = {
        paths: await context.api.get<ExportPath[]>("/exports"),
        disks: await context.api.get<Disk[]>("/disks"),
        agents: await context.api.get<Agent[]>("/agents"),
        hosts: await context.api.get<Host[]>("/hosts"),
      };
      const text = FORMATS[String(format)]?.(subjectOf(String(host), lab)) ?? "";
      await context.print({ host, format, text }, () => text.trimEnd());
    },
  },
  {
    usage: "delete <host> <disk>",
    summary: "No longer show a disk to a host",
    examples: ["sanlab export delete web data"],
    run: async (context, [host, disk]) => {
      await context.api.delete(`/exports/${String(host)}/${String(disk)}`);
      await context.print({ host, disk }, () => `Host '${host}' is no longer shown disk '${disk}'.`);
    },
  },
];

function text(paths: readonly ExportPath[]): string {
  return table(
    ["HOST", "DISK", "LUN", "AGENT", "PORTAL", "URL"],
    paths.map(({ host, disk, lun, agent, portal, url }) => [host, disk, lun, agent, portal, url]),
  );
}
