/**
 * How many 4 KiB READ(10) and WRITE(10) a second go through `admit` and `execute` on one core, over
 * a device that answers at once. Run: node test/bench/scsi.ts [seconds]
 */
import { Read10, Write10 } from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { type ScsiTask, Status, TaskAttribute } from "node-iscsi-target/scsi/transport.ts";
import { OK } from "node-iscsi-target/storage/block-device.ts";
import { ScriptedDevice } from "../helpers/scripted-device.ts";
import { cdbOf, IDENTITY, ScsiHost } from "../helpers/scsi-host.ts";

const BLOCKS = 131_072;
const BLOCKS_PER_IO = 8;
const seconds = Number(process.argv[2] ?? 2);

class QuietDevice extends ScriptedDevice {
  override read(offset: number, into: Uint8Array) {
    into.set(this.bytes.subarray(offset, offset + into.length));
    return OK;
  }
  override write(offset: number, from: readonly Uint8Array[]) {
    let at = offset;
    for (const piece of from) {
      this.bytes.set(piece, at);
      at += piece.length;
    }
    return OK;
  }
}

const unit = new LogicalUnit(new QuietDevice({ blocks: BLOCKS }), IDENTITY);
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
