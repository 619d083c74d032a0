/** Shell scripts in a guest, and Debian's open-iscsi there. */
import { guestExec } from "@sanlab/vm";

const TIMEOUT_MS = 120_000;

export interface GuestShell {
  /** Runs a shell script. @throws Error with all that was said, where it ends with anything but 0, or not within its time (120 s) */
  readonly sh: (script: string, timeoutMs?: number) => Promise<string>;
  /** As `sh`, and gives exit code and what was said. */
  readonly attempt: (script: string, timeoutMs?: number) => Promise<{ exitCode: number; said: string }>;
}

export function guestShell(runDir: string): GuestShell {
  const attempt = async (script: string, timeoutMs = TIMEOUT_MS) => {
    const { exitCode, stdout, stderr } = await guestExec(runDir, ["sh", "-c", script], { timeoutMs });
    return { exitCode, said: stdout + stderr };
  };
  const sh = async (script: string, timeoutMs = TIMEOUT_MS) => {
    const { exitCode, said } = await attempt(script, timeoutMs);
    if (exitCode !== 0) throw new Error(`${script}\nended with ${exitCode}: ${said}`);
    return said.trim();
  };
  return { sh, attempt };
}

export interface Node {
  /** "ADDRESS:PORT" as the guest reaches the target. */
  readonly portal: string;
  readonly target: string;
  readonly lun: number;
}

/** A node record with these settings beside the defaults, and a login; gives the disk's path. */
export async function logIn(
  { sh }: GuestShell,
  node: Node,
  settings: Readonly<Record<string, string>> = {},
): Promise<string> {
  const record = iscsiadm(node);
  await sh(`${record} -o delete > /dev/null 2>&1; ${record} -o new`);
  for (const [name, value] of Object.entries(settings)) await sh(`${record} -o update -n ${name} -v '${value}'`);
  await sh(`${record} --login`);
  const path = `/dev/disk/by-path/*-${node.target}-lun-${node.lun}`;
  return sh(
    `udevadm settle; i=0; until ls ${path} 2> /dev/null; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.1; done`,
  );
}

export async function logOut({ sh }: GuestShell, node: Node): Promise<void> {
  await sh(`${iscsiadm(node)} --logout`);
}

function iscsiadm({ target, portal }: Node): string {
  return `iscsiadm -m node -T ${target} -p ${portal}`;
}
