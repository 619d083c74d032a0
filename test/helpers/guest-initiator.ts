/** A guest with Debian's open-iscsi against a target of this process, to be configured by each test. */
import {
  BlockDeviceServer,
  FixedInventory,
  LogicalUnit,
  MemoryDevice,
  ownIdentity,
  Target,
  type TargetAccess,
} from "node-iscsi-target";
import { bootGuest, GATEWAY, type Owner } from "./guest.ts";
import { type GuestShell, guestShell, logIn, logOut } from "./guest-shell.ts";

export const TARGET = "iqn.2026-11.example:disk";
const DISK_BYTES = 64 * 1024 * 1024;

export interface GuestInitiator extends GuestShell {
  readonly target: Target;
  readonly unit: LogicalUnit;
  /** "ADDRESS:PORT" as the guest reaches the target. */
  readonly portal: string;
  /** A node record with these settings beside the defaults, and a login; gives the disk's path. */
  readonly login: (settings?: Readonly<Record<string, string>>) => Promise<string>;
  readonly logout: () => Promise<void>;
}

export async function guestInitiator(owner: Owner, access?: TargetAccess): Promise<GuestInitiator> {
  const device = new MemoryDevice({ sizeBytes: DISK_BYTES, thin: true });
  const unit = new LogicalUnit(device, ownIdentity(TARGET, 0));
  const server = new BlockDeviceServer({ inventory: new FixedInventory(new Map([[0, unit]])) });
  const target = new Target({ name: TARGET, server, ...(access === undefined ? {} : { access }) });
  owner.teardown(() => target.close());
  const { port } = await target.listen({ host: "127.0.0.1", port: 0 });
  const { runDir } = await bootGuest(owner, { config: { initiatorName: "iqn.2026-11.example:guest" } });
  const portal = `${GATEWAY}:${port}`;
  const shell = guestShell(runDir);
  const node = { portal, target: TARGET, lun: 0 };
  return {
    target,
    unit,
    portal,
    ...shell,
    login: (settings) => logIn(shell, node, settings),
    logout: () => logOut(shell, node),
  };
}
