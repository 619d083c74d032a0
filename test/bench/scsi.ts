/**
 * How many 4 KiB READ(10) and WRITE(10) a second go through `admit` and `execute` on one core, over
 * a memory device with every page there. Run: node test/bench/scsi.ts [seconds]
 */
import { Read10, Write10 } from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { type ScsiTask, Status, TaskAttribute } from "node-iscsi-target/scsi/transport.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { cdbOf, IDENTITY, ScsiHost } from "../helpers/scsi-host.ts";

const BLOCKS = 131_072;
const BLOCKS_PER_IO = 8;
const seconds = Number(process.argv[2] ?? 2);

const device = new MemoryDevice({ sizeBytes: BLOCKS * 512 });
fill(device);
const unit = new LogicalUnit(device, IDENTITY);
const server = new BlockDeviceServer({ inventory: new FixedInventory(new Map([[0, unit]])) });
const host = new ScsiHost(server);
await host.attentions();

/** CDBs at random addresses, made beforehand, as they lie in received PDUs. */
const count = 4096;
const addresses = Array.from(
  { length: count },
  () => Math.floor(Math.random() * (BLOCKS / BLOCKS_PER_IO)) * BLOCKS_PER_IO,
);
const dataOut = [Buffer.alloc(BLOCKS_PER_IO * 512, 1)];

measure(
  "READ(10)",
  addresses.map((lba) => cdbOf(Read10, { lba, blocks: BLOCKS_PER_IO })),
  [],
);
measure(
  "WRITE(10)",
  addresses.map((lba) => cdbOf(Write10, { lba, blocks: BLOCKS_PER_IO })),
  dataOut,
);

function measure(name: string, cdbs: readonly Buffer[], data: readonly Uint8Array[]): void {
  run(cdbs, data, 200);
  const { commands, ms } = run(cdbs, data, seconds * 1000);
  const perSecond = Math.round(commands / (ms / 1000));
  console.log(`${name}: ${perSecond.toLocaleString("en")} a second, ${Math.round((ms * 1e6) / commands)} ns each`);
}

function run(cdbs: readonly Buffer[], data: readonly Uint8Array[], forMs: number): { commands: number; ms: number } {
  const start = performance.now();
  let commands = 0;
  let ms = 0;
  while (ms < forMs) {
    for (const cdb of cdbs) execute(newTask(cdb), data);
    commands += cdbs.length;
    ms = performance.now() - start;
  }
  return { commands, ms };
}

/** Pages that were never written would make reads too cheap. */
function fill(memory: MemoryDevice): void {
  const piece = Buffer.alloc(1024 * 1024, 1);
  for (let at = 0; at < memory.sizeBytes; at += piece.length) memory.write(at, [piece]);
}

function newTask(cdb: Uint8Array): ScsiTask {
  return {
    nexus: host.nexus,
    lun: 0,
    cdb,
    attribute: TaskAttribute.SIMPLE,
    expectedInBytes: BLOCKS_PER_IO * 512,
    expectedOutBytes: BLOCKS_PER_IO * 512,
    cancelled: false,
    onCancel: undefined,
    record: undefined,
  };
}

function execute(task: ScsiTask, data: readonly Uint8Array[]): void {
  if (server.admit(task).kind !== "accepted") throw new Error("A command was refused.");
  const execution = server.execute(task, data);
  if (execution instanceof Promise || execution.kind !== "done" || execution.status !== Status.GOOD) {
    throw new Error("A command did not succeed in the same call.");
  }
}
