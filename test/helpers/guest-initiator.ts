/** A guest with Debian's open-iscsi against a target of this process, to be configured by each test. */
import { guestExec } from "@sanlab/vm";
import {
  BlockDeviceServer,
  FixedInventory,
  LogicalUnit,
  MemoryDevice,
  ownIdentity,
  Target,
  type TargetAccess,
} from "node-iscsi-target";
import { bootGuest, type Owner } from "./guest.ts";

export const TARGET = "iqn.2026-11.example:disk";
/** This machine, as guests on user networking see its 127.0.0.1. */
const GATEWAY = "10.0.2.2";
const DISK_BYTES = 64 * 1024 * 1024;

export interface GuestInitiator {
  readonly target: Target;
  readonly unit: LogicalUnit;
  /** "ADDRESS:PORT" as the guest reaches the target. */
  readonly portal: string;
  /** Runs a shell script. @throws Error with all that was said, where it ends with anything but 0 */
  readonly sh: (script: string) => Promise<string>;
  /** As `sh`, and gives exit code and what was said. */
  readonly attempt: (script: string) => Promise<{ exitCode: number; said: string }>;
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
  const attempt = async (script: string) => {
    const { exitCode, stdout, stderr } = await guestExec(runDir, ["sh", "-c", script], { timeoutMs: 120_000 });
    return { exitCode, said: stdout + stderr };
  };
  const sh = async (script: string) => {
    const { exitCode, said } = await attempt(script);
    if (exitCode !== 0) throw new Error(`${script}\nended with ${exitCode}: ${said}`);
    return said.trim();
  };
  const node = `iscsiadm -m node -T ${TARGET} -p ${portal}`;
  return {
    target,
    unit,
    portal,
    sh,
    attempt,
    async login(settings = {}) {
      await sh(`${node} -o delete > /dev/null 2>&1; ${node} -o new`);
      for (const [name, value] of Object.entries(settings)) await sh(`${node} -o update -n ${name} -v '${value}'`);
      await sh(`${node} --login`);
      return sh(
        "udevadm settle; i=0; until ls /dev/disk/by-path/*-lun-0 2> /dev/null; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.1; done",
      );
    },
    async logout() {
      await sh(`${node} --logout`);
    },
  };
}
