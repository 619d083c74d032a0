/**
 * An initiator that says exactly what a test tells it to, over a real TCP connection: PDU by PDU,
 * lawful or not. It helps with lengths, digests and sequence numbers, and with nothing else.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { NO_TAG, Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import {
  Bhs,
  LoginRequestPdu,
  LoginResponsePdu,
  ScsiCommandPdu,
  ScsiResponsePdu,
  TextRequestPdu,
} from "node-iscsi-target/iscsi/pdus.ts";
import { crc32c } from "node-iscsi-target/wire/crc32c.ts";

/** How long an answer may take before its test fails. */
const PATIENCE_MS = 10_000;

export interface RawPdu {
  readonly header: Buffer;
  readonly data: Buffer;
}

export type Keys = Readonly<Record<string, string>>;

/** Fields of a login request beside its text; the rest has the values of an initiator's first. */
export interface LoginStep {
  readonly stage?: number;
  /** The stage wanted next, which sets the T bit. */
  readonly next?: number;
  readonly continue?: boolean;
  readonly versionMin?: number;
  readonly isid?: number;
  readonly tsih?: number;
  readonly cid?: number;
}

export interface LoginAnswer {
  readonly header: Buffer;
  /** Class and detail (RFC 7143 11.13.5). */
  readonly status: number;
  readonly transit: boolean;
  readonly next: number;
  readonly tsih: number;
  readonly keys: Keys;
}

interface Owner {
  teardown(end: () => void): void;
}

export class RawInitiator {
  readonly socket: Socket;
  headerDigest = false;
  dataDigest = false;
  cmdSn = 1;
  expStatSn = 0;
  isid = 0x80_0000_0000_01;
  #tag = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => socket.destroy());
  }

  static async connect(owner: Owner, { host, port }: { host: string; port: number }): Promise<RawInitiator> {
    const socket = connect(port, host);
    owner.teardown(() => socket.destroy());
    await once(socket, "connect");
    return new RawInitiator(socket);
  }

  nextTag(): number {
    this.#tag += 1;
    return this.#tag;
  }

  /** Queues a PDU; its length, and its digests where agreed, are set here. */
  send(header: Buffer, data: Buffer = Buffer.alloc(0)): void {
    Bhs.dataSegmentLength.set(header, 0, data.length);
    const padded = Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
    this.socket.write(
      Buffer.concat([
        header,
        ...digest(this.headerDigest, header),
        padded,
        ...digest(this.dataDigest && data.length > 0, padded),
      ]),
    );
  }

  /** The target's next PDU. @throws Error where it ends the connection, or says nothing for too long. */
  async receive(): Promise<RawPdu> {
    const header = await this.#read(48);
    if (this.headerDigest) this.#check(await this.#read(4), header);
    const bytes = Bhs.dataSegmentLength.get(header, 0);
    const padded = bytes === 0 ? Buffer.alloc(0) : await this.#read((bytes + 3) & ~3);
    if (this.dataDigest && bytes > 0) this.#check(await this.#read(4), padded);
    const opcode = Bhs.opcode.get(header, 0);
    if (opcode !== Opcode.R2T && opcode !== Opcode.DATA_IN) {
      this.expStatSn = (ScsiResponsePdu.statSn.get(header, 0) + 1) >>> 0;
    }
    return { header, data: padded.subarray(0, bytes) };
  }

  /** Resolves once the target has ended the connection; whatever it still says is dropped. */
  async ended(): Promise<void> {
    this.socket.resume();
    if (this.socket.closed) return;
    await once(this.socket, "close", { signal: AbortSignal.timeout(PATIENCE_MS) });
  }

  /** Sends one login request and waits for its answer. */
  async loginStep(step: LoginStep, keys: Keys | Buffer = {}): Promise<LoginAnswer> {
    const stage = step.stage ?? 1;
    const header = LoginRequestPdu.encode({
      opcode: Opcode.LOGIN_REQUEST,
      immediate: 1,
      transit: step.next === undefined ? 0 : 1,
      continue: step.continue ? 1 : 0,
      currentStage: stage,
      nextStage: step.next ?? 0,
      versionMin: step.versionMin ?? 0,
      versionMax: step.versionMin ?? 0,
      isid: step.isid ?? this.isid,
      tsih: step.tsih ?? 0,
      cid: step.cid ?? 0,
      cmdSn: this.cmdSn,
      expStatSn: this.expStatSn,
    });
    this.send(header, Buffer.isBuffer(keys) ? keys : text(keys));
    return this.loginAnswer();
  }

  async loginAnswer(): Promise<LoginAnswer> {
    const { header, data } = await this.receive();
    if (Bhs.opcode.get(header, 0) !== Opcode.LOGIN_RESPONSE) throw new Error("this is no login response");
    return {
      header,
      status: LoginResponsePdu.status.get(header, 0),
      transit: LoginResponsePdu.transit.get(header, 0) === 1,
      next: LoginResponsePdu.nextStage.get(header, 0),
      tsih: LoginResponsePdu.tsih.get(header, 0),
      keys: pairs(data),
    };
  }

  /** From the operational stage straight to full feature phase. @throws Error where it is refused. */
  async login(keys: Keys, step: LoginStep = {}): Promise<LoginAnswer> {
    const answer = await this.loginStep({ stage: 1, next: 3, ...step }, keys);
    if (answer.status !== 0) throw new Error(`login was refused with ${answer.status.toString(16)}`);
    this.headerDigest = answer.keys.HeaderDigest === "CRC32C";
    this.dataDigest = answer.keys.DataDigest === "CRC32C";
    return answer;
  }

  /** Sends a SCSI command in turn and gives its task tag. */
  command(cdb: readonly number[], fields: CommandFields = {}, data?: Buffer): number {
    const { immediate = false, final = true, attribute = 1, lun = 0, tag = this.nextTag() } = fields;
    const header = ScsiCommandPdu.encode({
      opcode: Opcode.SCSI_COMMAND,
      immediate: immediate ? 1 : 0,
      final: final ? 1 : 0,
      attribute,
      initiatorTaskTag: tag,
      cmdSn: fields.cmdSn ?? this.cmdSn,
      expStatSn: this.expStatSn,
      read: fields.readBytes === undefined ? 0 : 1,
      write: fields.writeBytes === undefined ? 0 : 1,
      expectedDataTransferLength: fields.readBytes ?? fields.writeBytes ?? 0,
    });
    header.writeUInt16BE(lun, 8);
    header.set(cdb, 32);
    if (!immediate && fields.cmdSn === undefined) this.cmdSn = (this.cmdSn + 1) >>> 0;
    this.send(header, data);
    return tag;
  }

  /** Sends a PDU of any layout with this initiator's next task tag and numbers; immediate where it is not said otherwise. */
  request(layout: RequestLayout, opcode: number, fields: Readonly<Record<string, number>> = {}, data?: Buffer): number {
    const tag = fields.initiatorTaskTag ?? this.nextTag();
    const common = { opcode, immediate: 1, initiatorTaskTag: tag, cmdSn: this.cmdSn, expStatSn: this.expStatSn };
    const header = layout.encode({ ...common, ...fields });
    if (fields.immediate === 0) this.cmdSn = (this.cmdSn + 1) >>> 0;
    this.send(header, data);
    return tag;
  }

  /** A text request in full feature phase. */
  text(keys: Keys | Buffer, fields: Readonly<Record<string, number>> = {}): number {
    const data = Buffer.isBuffer(keys) ? keys : text(keys);
    return this.request(TextRequestPdu, Opcode.TEXT_REQUEST, { final: 1, targetTransferTag: NO_TAG, ...fields }, data);
  }

  #check(digested: Buffer, bytes: Buffer): void {
    if (digested.readUInt32LE(0) !== crc32c([bytes])) throw new Error("a digest of the target does not match");
  }

  async #read(bytes: number): Promise<Buffer> {
    for (;;) {
      const got: Buffer | null = this.socket.read(bytes);
      if (got?.length === bytes) return got;
      if (this.socket.readableEnded || this.socket.destroyed) throw new Error("the target ended the connection");
      await this.#readable();
    }
  }

  async #readable(): Promise<void> {
    const done = new AbortController();
    const options = { signal: AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), done.signal]) };
    try {
      await Promise.race(["readable", "end", "close"].map((event) => once(this.socket, event, options)));
    } finally {
      done.abort();
    }
  }
}

export interface CommandFields {
  readonly immediate?: boolean;
  readonly final?: boolean;
  readonly attribute?: number;
  /** The first two bytes of the LUN. */
  readonly lun?: number;
  readonly tag?: number;
  readonly cmdSn?: number;
  readonly readBytes?: number;
  readonly writeBytes?: number;
}

interface RequestLayout {
  encode(values: Readonly<Record<string, number>>): Buffer;
}

/** Text format (RFC 7143 6.1). */
export function text(keys: Keys): Buffer {
  return Buffer.from(
    Object.entries(keys)
      .map(([key, value]) => `${key}=${value}\0`)
      .join(""),
  );
}

export function pairs(data: Buffer): Keys {
  const items = data.toString().split("\0").filter(Boolean);
  return Object.fromEntries(items.map((item) => [item.slice(0, item.indexOf("=")), item.slice(item.indexOf("=") + 1)]));
}

function digest(wanted: boolean, bytes: Buffer): Buffer[] {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32c([bytes]), 0);
  return wanted ? [sum] : [];
}
