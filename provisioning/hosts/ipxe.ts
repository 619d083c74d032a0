/** What the firmware of a host does that boots from the SAN (https://ipxe.org/scripting, https://ipxe.org/sanuri). Pure. */
import type { HostPath } from "./portals.ts";

/** The script's name in the directory that the firmware fetches from. */
export const BOOT_SCRIPT = "boot.ipxe";
const GIVE_UP_SECONDS = 3;

export interface IpxeLogin {
  readonly user: string;
  readonly secret: string;
}

/** Values are in hexadecimal, so that none of them is taken for iPXE's own signs. Tried for ever, as a server would. */
export function ipxeScript(iqn: string, path: HostPath, login: IpxeLogin | undefined): string {
  const [address = "", port = ""] = path.portal.split(/:(?=[0-9]+$)/);
  return [
    "#!ipxe",
    ...setting("initiator-iqn", iqn),
    ...(login === undefined ? [] : [...setting("username", login.user), ...setting("password", login.secret)]),
    ":again",
    `sanboot iscsi:${address}::${port}:${path.lun.toString(16)}:${path.target} || echo sanlab: the SAN did not let this machine boot, trying again`,
    `sleep ${GIVE_UP_SECONDS}`,
    "goto again",
    "",
  ].join("\n");
}

function setting(name: string, value: string): string[] {
  return [`set ${name}:hex ${[...Buffer.from(value)].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`];
}
