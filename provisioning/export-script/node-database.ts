/**
 * An open-iscsi node database, and the initiator's name: the files below /etc/iscsi that `iscsiadm -m node -o new` and a
 * few updates would make (open-iscsi 2.1, README, "iSCSI node records"). What a record does not say is open-iscsi's default.
 */
import { hasSeveralPaths, REPLACEMENT_TIMEOUT_S, type ScriptPath, type ScriptSubject, splitPortal } from "./subject.ts";

export interface ScriptFile {
  /** Relative. */
  readonly path: string;
  readonly content: string;
}

export function nodeDatabase(subject: ScriptSubject): ScriptFile[] {
  const { iqn, targets } = subject;
  const isMultipath = hasSeveralPaths(subject);
  return [
    { path: "initiatorname.iscsi", content: `InitiatorName=${iqn}\n` },
    ...targets.map((target) => record(target, isMultipath)),
  ];
}

function record({ target, portal, portalGroupTag, chap }: ScriptPath, isMultipath: boolean): ScriptFile {
  const { address, port } = splitPortal(portal);
  const settings: Readonly<Record<string, string>> = {
    "node.name": target,
    "node.tpgt": `${portalGroupTag}`,
    "node.startup": "automatic",
    "iface.iscsi_ifacename": "default",
    "iface.transport_name": "tcp",
    "node.discovery_type": "static",
    "node.session.timeo.replacement_timeout": `${REPLACEMENT_TIMEOUT_S[isMultipath ? "multipath" : "single"]}`,
    // The secret is not ours to write down: iscsiadm -m node -T TARGET -o update -n node.session.auth.password -v …
    ...(chap === undefined ? {} : { "node.session.auth.authmethod": "CHAP", "node.session.auth.username": chap.user }),
    "node.conn[0].address": address,
    "node.conn[0].port": port,
    "node.conn[0].startup": "automatic",
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
  return {
    path: `nodes/${target}/${address},${port},${portalGroupTag}/default`,
    content: ["# BEGIN RECORD 2.1.8", ...lines, "# END RECORD", ""].join("\n"),
  };
}
