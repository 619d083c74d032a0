import { createHash } from "node:crypto";
import { type ArchiveEntry, cpioArchive } from "./image/cpio.ts";
import { VmError } from "./vm-error.ts";

/** A portal that the guest logs in to at boot, and tries until it is let in. */
export interface GuestPortal {
  /** "ADDRESS:PORT" as seen from the guest: on user networking this machine is 10.0.2.2 (`userNetwork`). */
  readonly portal: string;
  /** The target's IQN. */
  readonly target: string;
  /** The portal group tag, where it is known beforehand (RFC 7143 §13.9); else the target's answer is taken. */
  readonly portalGroupTag?: number;
  /** What the guest proves by CHAP; letters, digits and signs that no word of a shell ends at. */
  readonly chap?: { readonly user: string; readonly secret: string };
}

/** What makes a guest this host and no other: read by the guest at boot, out of its overlay. */
export interface GuestConfig {
  readonly hostname: string;
  /** The guest's InitiatorName. Without it, iscsid is not started. */
  readonly initiatorName?: string;
  /** Static addresses, by the card's MAC; `address` with its prefix, "10.0.2.15/24". */
  readonly nics: readonly { readonly mac: string; readonly address: string; readonly gateway?: string }[];
  readonly portals: readonly GuestPortal[];
  /** Lines of iscsid.conf, such as "node.session.timeo.replacement_timeout": "20". */
  readonly iscsiSettings?: Readonly<Record<string, string>>;
  /** Starts multipathd: disks that are seen on several paths appear as /dev/mapper/mpath*. */
  readonly multipath?: boolean;
  /** Further files for the guest's root file system, over those of the image. */
  readonly files?: readonly ArchiveEntry[];
}

/** Where the guest's boot script finds its settings. */
export const HOST_CONF = "etc/sanlab/host.conf";

/** The archive that goes behind the image's initramfs and gives a guest its own files. Pure. */
export function guestOverlay(config: GuestConfig): Buffer {
  const settings: ArchiveEntry = { kind: "file", path: HOST_CONF, mode: 0o600, content: Buffer.from(hostConf(config)) };
  const hostname: ArchiveEntry = {
    kind: "file",
    path: "etc/hostname",
    mode: 0o644,
    content: Buffer.from(`${config.hostname}\n`),
  };
  return cpioArchive([settings, hostname, ...(config.files ?? [])]);
}

/** The settings as `guest/boot` reads them: a keyword and its values on each line. Throws INVALID_HOST. */
export function hostConf(config: GuestConfig): string {
  const lines = [
    ["hostname", config.hostname],
    ...(config.initiatorName === undefined ? [] : [["initiator", config.initiatorName]]),
    ...config.nics.map(({ mac, address, gateway }) => [
      "nic",
      mac,
      address,
      ...(gateway === undefined ? [] : [gateway]),
    ]),
    ...config.portals.map((portal) => [
      "portal",
      portalWord(portal),
      portal.target,
      ...(portal.chap === undefined ? [] : [portal.chap.user, portal.chap.secret]),
    ]),
    ...(config.multipath === true ? [["multipath"]] : []),
  ];
  for (const { chap } of config.portals) {
    // A sentence that shows the word would show the secret.
    if (chap !== undefined && !/^[^\s\\]+$/.test(chap.secret))
      throw invalid(config.hostname, "a CHAP secret has a space or a backslash in it, or is empty");
  }
  for (const word of lines.flat()) checkWord(config.hostname, word);
  const settings = Object.entries(config.iscsiSettings ?? {}).map(([name, value]) => {
    checkWord(config.hostname, name);
    if (/[\n\\]/.test(value))
      throw invalid(config.hostname, `the value of ${name} has a line break or a backslash in it`);
    return `setting ${name} ${value}`;
  });
  return [...lines.map((words) => words.join(" ")), ...settings, ""].join("\n");
}

/** A stable MAC address for card `index` of a host: QEMU's prefix, and a hash of `identity`. */
export function macAddress(identity: string, index: number): string {
  const hash = createHash("sha256").update(`${identity}\n${index}`).digest();
  return ["52", "54", "00", ...[0, 1, 2].map((byte) => hash.toString("hex", byte, byte + 1))].join(":");
}

function portalWord({ portal, portalGroupTag }: GuestPortal): string {
  return portalGroupTag === undefined ? portal : `${portal},${portalGroupTag}`;
}

function checkWord(host: string, word: string): void {
  if (word === "" || /[\s\\]/.test(word))
    throw invalid(host, `'${word}' has a space or a backslash in it, or is empty`);
}

function invalid(host: string, reason: string): VmError {
  return new VmError("INVALID_HOST", `The host '${host}' cannot be set up: ${reason}.`);
}
