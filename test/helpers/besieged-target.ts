/**
 * A target that strangers may treat as they like, beside a session that must not notice: its disk
 * is another, hidden from everybody else.
 */
import type { ExecutionContext } from "ava";
import {
  BlockDeviceServer,
  LogicalUnit,
  type LunInventory,
  MemoryDevice,
  ownIdentity,
  type Portal,
  Target,
} from "node-iscsi-target";
import { pattern } from "node-iscsi-target/conformance/device-checks.ts";
import { eventually } from "./lab.ts";
import { RawInitiator } from "./raw-initiator.ts";

export const TARGET = "iqn.2026-11.example:besieged";
const INSIDER = "iqn.2026-11.example:insider";
const DISK_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 4096;
/** Far above what a few hundred connections take, far below what keeping all that came would take. */
const MEMORY_BYTES = 256 * 1024 * 1024;

export interface BesiegedTarget {
  readonly target: Target;
  readonly portal: Portal;
  /** Reads the insider's disk through its session. @throws Error where that fails or shows other bytes. */
  assertUnharmed(): Promise<void>;
  /** Everybody else has gone, no bug was met, and memory is what it was. */
  assertCalm(t: ExecutionContext): Promise<void>;
}

export async function besiegedTarget(t: ExecutionContext): Promise<BesiegedTarget> {
  const precious = new MemoryDevice({ sizeBytes: DISK_BYTES });
  const content = pattern(DISK_BYTES, 1);
  precious.write(0, [content]);
  const [inside, outside] = [precious, new MemoryDevice({ sizeBytes: DISK_BYTES, thin: true })].map(
    (device, at) => new LogicalUnit(device, ownIdentity(TARGET, at)),
  ) as [LogicalUnit, LogicalUnit];
  const inventory: LunInventory = {
    lookup: ({ initiatorName }, lun) => (lun === 0 ? (initiatorName === INSIDER ? inside : outside) : undefined),
    list: () => [0],
  };
  const bugs: unknown[] = [];
  const logger = { info: () => undefined, error: (fields: object) => void bugs.push(fields) };
  const server = new BlockDeviceServer({ inventory, logger });
  const access = { authorize: () => true, mayColdReset: () => false };
  const limits = { loginTimeMs: 2000, loginsPerAddress: 1000, loginsPerSecond: 100_000 };
  const target = new Target({ name: TARGET, access, server, limits });
  target.on("error", (error) => bugs.push(error));
  t.teardown(() => target.close());
  const portal = await target.listen({ host: "127.0.0.1", port: 0 });
  const insider = await RawInitiator.connect(t, portal);
  await insider.login({ InitiatorName: INSIDER, TargetName: TARGET });
  insider.command([0]);
  await insider.receive();
  const before = process.memoryUsage().rss;
  let block = 0;
  return {
    target,
    portal,
    async assertUnharmed() {
      block = (block + 37) % (DISK_BYTES / READ_BYTES);
      const lba = (block * READ_BYTES) / 512;
      insider.command([0x28, 0, 0, 0, lba >> 8, lba & 0xff, 0, 0, READ_BYTES / 512], { readBytes: READ_BYTES });
      const { data } = await insider.receive();
      const expected = content.subarray(block * READ_BYTES, (block + 1) * READ_BYTES);
      if (!data.equals(expected)) throw new Error(`the insider's block ${block} reads otherwise`);
    },
    async assertCalm(t) {
      await eventually("all strangers have gone", () => Promise.resolve(target.sessions().length === 1));
      t.deepEqual(bugs, []);
      const grown = process.memoryUsage().rss - before;
      t.true(grown < MEMORY_BYTES, `memory grew by ${Math.round(grown / 1024 / 1024)} MiB`);
    },
  };
}
