/** User data for cloud-init: a machine that attaches its disks when it first boots. */
import { stringify } from "yaml";
import { iscsiadmScript } from "./iscsiadm.ts";
import { multipathConf } from "./multipath.ts";
import type { ScriptSubject } from "./subject.ts";

const ATTACH = "/usr/local/sbin/sanlab-disks";

export function cloudConfig(subject: ScriptSubject): string {
  const hasSeveralPaths = subject.disks.some(({ paths }) => paths.length > 1);
  const multipath = { path: "/etc/multipath.conf", permissions: "0644", content: multipathConf(subject) };
  const attach = { path: ATTACH, permissions: "0755", content: iscsiadmScript(subject) };
  const config = {
    packages: ["open-iscsi", ...(hasSeveralPaths ? ["multipath-tools"] : [])],
    write_files: [attach, ...(hasSeveralPaths ? [multipath] : [])],
    runcmd: [
      ["systemctl", "enable", "--now", "iscsid"],
      ...(hasSeveralPaths ? [["systemctl", "restart", "multipathd"]] : []),
      [ATTACH, "login"],
    ],
  };
  return `#cloud-config\n${stringify(config)}`;
}
