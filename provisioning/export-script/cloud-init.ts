/** User data for cloud-init: a machine that attaches its disks when it first boots. */
import { stringify } from "yaml";
import { iscsiadmScript } from "./iscsiadm.ts";
import { multipathConf } from "./multipath.ts";
import { hasSeveralPaths, type ScriptSubject, secretNotes } from "./subject.ts";

const ATTACH = "/usr/local/sbin/sanlab-disks";

export function cloudConfig(subject: ScriptSubject): string {
  const isMultipath = hasSeveralPaths(subject);
  const packages = { packages: ["open-iscsi", ...(isMultipath ? ["multipath-tools"] : [])] };
  const config = { ...packages, ...attaching(subject, isMultipath) };
  const notes = secretNotes(subject).map((note) => `# ${note}\n`);
  return `#cloud-config\n${notes.join("")}${stringify(config, { lineWidth: 0 })}`;
}

interface WrittenFile {
  readonly path: string;
  readonly permissions: string;
  readonly content: string;
}

/** What every machine needs, whoever puts the programs there. */
export function attaching(
  subject: ScriptSubject,
  isMultipath: boolean,
): { readonly write_files: WrittenFile[]; readonly runcmd: string[][] } {
  const multipath = { path: "/etc/multipath.conf", permissions: "0644", content: multipathConf(subject) };
  const attach = { path: ATTACH, permissions: "0755", content: iscsiadmScript(subject, isMultipath) };
  return {
    write_files: [attach, ...(isMultipath ? [multipath] : [])],
    runcmd: [
      ["systemctl", "enable", "--now", "iscsid"],
      ...(isMultipath ? [["systemctl", "restart", "multipathd"]] : []),
      [ATTACH, "login"],
    ],
  };
}
