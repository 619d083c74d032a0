/**
 * What cloud-init finds on the seed of a host with an image of its own (NoCloud data source,
 * https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html): the user's data, and ours behind it.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { stringify } from "yaml";
import { attaching } from "../export-script/cloud-init.ts";
import { type ScriptSubject, SECRETS } from "../export-script/subject.ts";
import { nicsOf } from "./nics.ts";
import { distinctPortals, type HostPath, hasSeveralPaths } from "./portals.ts";
import type { HostRecord } from "./record.ts";
import { readSecret } from "./secret.ts";

/** Programs, and the Debian packages that have them: an image that has them needs no network at its first start. */
const PROGRAMS = { iscsiadm: "open-iscsi", multipathd: "multipath-tools", "qemu-ga": "qemu-guest-agent" } as const;

export async function seedFiles(record: HostRecord, paths: readonly HostPath[]): Promise<Record<string, string>> {
  const ours = `#cloud-config\n${stringify(await cloudConfigOf(record, paths))}`;
  return {
    // Other portals, and it is another instance, so that cloud-init attends to them.
    "meta-data": stringify({ "instance-id": `sanlab-${record.name}-${digest(ours)}`, "local-hostname": record.name }),
    "user-data": record.seed === undefined ? ours : multipart([await readFile(record.seed, "utf8"), ours]),
    "network-config": stringify(networkConfig(record)),
  };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** Sets the initiator's name, the programs up, and the logins at every start. */
async function cloudConfigOf(record: HostRecord, paths: readonly HostPath[]): Promise<object> {
  const isOpenIscsi = record.initiator === "open-iscsi";
  const subject = subjectOf(record, isOpenIscsi ? paths : []);
  const isMultipath = isOpenIscsi && hasSeveralPaths(paths);
  const { write_files, runcmd } = attaching(subject, isMultipath);
  const secrets = await Promise.all(
    (isOpenIscsi ? paths : []).flatMap(({ agent, chap }) =>
      chap === undefined
        ? []
        : [
            readSecret(chap.secretFile).then((content) => ({
              path: `${SECRETS}/${agent}`,
              permissions: "0600",
              content,
            })),
          ],
    ),
  );
  const name = {
    path: "/etc/iscsi/initiatorname.iscsi",
    permissions: "0600",
    content: `InitiatorName=${record.iqn}\n`,
  };
  const needed = Object.entries(PROGRAMS).filter(([program]) =>
    program === "multipathd" ? isMultipath : program === "qemu-ga" ? record.guestAgent : isOpenIscsi,
  );
  return {
    // Ours is added to what the user's data says of the same things.
    merge_how: [
      { name: "list", settings: ["append"] },
      { name: "dict", settings: ["no_replace", "recurse_list"] },
    ],
    ...(isOpenIscsi ? { write_files: [name, ...secrets, ...write_files] } : {}),
    runcmd: [
      ["sh", "-c", INSTALL, "sh", ...needed.flat()],
      ...(record.guestAgent ? [["sh", "-c", BEGIN_AGENT]] : []),
      ...(isOpenIscsi ? runcmd : []),
    ],
  };
}

/** Pairs of a program and its package. */
const INSTALL = `while [ $# -gt 0 ]; do
  command -v "$1" > /dev/null || missing="$missing $2"
  shift 2
done
[ -z "$missing" ] || { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q $missing; }`;

/** An agent that was installed just now has missed the arrival of its port, by which udev starts it. */
const BEGIN_AGENT = `udevadm trigger --action=add --subsystem-match=virtio-ports
systemctl start qemu-guest-agent`;

function subjectOf({ name, iqn }: HostRecord, paths: readonly HostPath[]): ScriptSubject {
  const targets = distinctPortals(paths).map(({ portal, target, chap }) => {
    const agent = paths.find((path) => path.target === target)?.agent ?? "";
    return { agent, portal, target, portalGroupTag: 1, ...(chap === undefined ? {} : { chap: { user: chap.user } }) };
  });
  return { host: name, iqn, targets, disks: [] };
}

/** Cards by their address, each on a network of its own whose DHCP is QEMU's; one way to the rest of the world. */
function networkConfig(record: HostRecord): object {
  const cards = nicsOf(record).map(({ mac }, index) => {
    const routes = index === 0 ? {} : { "dhcp4-overrides": { "use-routes": false } };
    return [`card${index}`, { match: { macaddress: mac }, dhcp4: true, ...routes }];
  });
  return { version: 2, ethernets: Object.fromEntries(cards) };
}

/** Several user data in one (RFC 2046 5.1.3), each by its first line's kind. */
function multipart(parts: readonly string[]): string {
  const boundary = "==sanlab==";
  const bodies = parts.map(
    (part) =>
      `--${boundary}\nContent-Type: ${typeOf(part)}; charset="utf-8"\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n${base64Lines(part)}\n`,
  );
  return `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n${bodies.join("")}--${boundary}--\n`;
}

const TYPES: readonly (readonly [start: string, type: string])[] = [
  ["#cloud-config", "text/cloud-config"],
  ["#!", "text/x-shellscript"],
  ["#include", "text/x-include-url"],
  ["#cloud-boothook", "text/cloud-boothook"],
  ["## template: jinja", "text/jinja2"],
];

function typeOf(part: string): string {
  return TYPES.find(([start]) => part.startsWith(start))?.[1] ?? "text/plain";
}

function base64Lines(text: string): string {
  return Buffer.from(text).toString("base64").replace(/.{76}/g, "$&\n");
}
