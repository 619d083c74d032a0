/** One SCSI command of a session, from its PDU to its response: RFC 7143 4.2.5 and 11.3. */
import type { Accepted, Nexus, ScsiTask, TaskAttribute } from "../scsi/transport.ts";
import { ScsiCommandPdu, wireLun } from "./pdus.ts";
import type { Pdu } from "./reader.ts";
import { hold, release } from "./receive-slab.ts";
import { MAX_ROOM_DATA_BYTES, type Room } from "./send-slab.ts";

export class IscsiTask implements ScsiTask {
  readonly nexus: Nexus;
  readonly lun: bigint | number;
  readonly cdb: Uint8Array;
  readonly attribute: TaskAttribute;
  readonly expectedOutBytes: number;
  readonly expectedInBytes: number;
  readonly isWhole: boolean;
  record: object | undefined = undefined;
  cancelled = false;
  onCancel: (() => void) | undefined = undefined;

  readonly tag: number;
  /** The LUN as it stood in the header, for R2T. */
  readonly header: Buffer;
  accepted: Accepted | undefined = undefined;
  /** Write data as it arrives, in order; where it was received, and held there. */
  readonly data: Buffer[] = [];
  receivedBytes = 0;
  /** Bytes that this command needs before it can execute. */
  wantedBytes = 0;
  /** Unsolicited data is still coming (F was not set). */
  unsolicited = false;
  transferTag = 0;
  r2tSn = 0;
  /** End of the data that the last R2T asked for. */
  solicitedUpTo = 0;
  /** DataSN that the next Data-Out of the sequence must carry (11.7.5). */
  dataSn = 0;
  /** Where its read data leaves from. */
  room: Room | undefined = undefined;
  /** It was a READ that the device answered in the same call: nobody has kept anything of it. */
  hasReadAtOnce = false;
  /** The connection that it came on, and is answered on. */
  readonly channel: TaskChannel;
  /** Resolves once nothing of it is left; set where somebody waits for that. */
  executing: Promise<void> | undefined = undefined;

  constructor({ header, cdb, dataBytes }: Pdu, nexus: Nexus, channel: TaskChannel) {
    this.nexus = nexus;
    this.channel = channel;
    this.header = header;
    this.tag = ScsiCommandPdu.initiatorTaskTag.get(header, 0);
    this.lun = wireLun(header);
    this.cdb = cdb;
    this.attribute = ScsiCommandPdu.attribute.get(header, 0) as TaskAttribute;
    const bytes = ScsiCommandPdu.expectedDataTransferLength.get(header, 0);
    this.expectedOutBytes = ScsiCommandPdu.write.get(header, 0) ? bytes : 0;
    this.expectedInBytes = ScsiCommandPdu.read.get(header, 0) ? bytes : 0;
    this.isWhole = dataBytes >= this.expectedOutBytes && ScsiCommandPdu.final.get(header, 0) === 1;
  }

  keepData(pieces: readonly Buffer[]): void {
    for (const piece of pieces) {
      hold(piece);
      this.data.push(piece);
    }
  }

  /** Only what `bytes` take of it is the command's. */
  cutData(bytes: number): void {
    let room = bytes;
    const pieces = this.data.splice(0);
    for (const piece of pieces) {
      const kept = piece.subarray(0, Math.max(0, room));
      room -= piece.length;
      if (kept.length > 0) this.data.push(kept);
      else release(piece);
    }
  }

  /** Nobody uses its write data any more. A task that ends otherwise leaves it to the garbage collector. */
  releaseData(): void {
    if (this.data.length === 0) return;
    for (const piece of this.data) release(piece);
    this.data.length = 0;
  }

  /** Memory for read data, which then leaves from there; once for each task. */
  readBuffer(bytes: number): Uint8Array | undefined {
    if (bytes > MAX_ROOM_DATA_BYTES || this.room !== undefined) return undefined;
    this.room = this.channel.room(bytes);
    return this.room.data;
  }
}

export interface TaskChannel {
  room(dataBytes: number): Room;
}
