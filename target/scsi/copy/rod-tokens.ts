/**
 * The ROD tokens of one target (SPC-4 5.17.6): who holds the 512 bytes may copy what they stand for.
 *
 *     valid ──▶ expired    not used for its inactivity timeout, or older than its lifetime
 *        ├────▶ cancelled  somebody wrote what it stands for: it is of a point in time, change vulnerable
 *        ├────▶ revoked    whoever it was made for no longer sees the unit
 *        └────▶ deleted    by DEL_TKN
 *
 * Why a token is no longer valid is remembered for as long as it could have lived.
 */
import { createHash, randomBytes } from "node:crypto";
import { type BlockRange, overlap } from "../block-range.ts";
import { Condition } from "../condition.ts";
import type { LogicalUnit } from "../logical-unit.ts";
import type { LunInventory } from "../server-context.ts";
import type { Nexus } from "../transport.ts";
import type { WriteListener } from "../write-watch.ts";
import { MAX_TOKENS, MAX_TOKENS_OF_ONE, TOKEN_LIFETIME_S } from "./limits.ts";
import { encodeRodToken, formatError } from "./rod-token.ts";

/** What a token stands for. */
export interface Rod {
  readonly unit: LogicalUnit;
  readonly ranges: readonly BlockRange[];
  /** For whom it was made. */
  readonly nexus: Nexus;
  readonly inactivityS: number;
}

/** A token and its ROD. */
export interface TokenRecord extends Rod {
  readonly token: Uint8Array;
  readonly createdMs: number;
  /** When a command that names it last ended. */
  usedMs: number;
  /** Commands that use it just now: it does not expire under them. */
  users: number;
  /** Why it is no longer valid. */
  invalid: Condition | undefined;
}

export interface RodTokensOptions {
  readonly inventory: LunInventory;
  /** Milliseconds that only ever grow. */
  readonly now?: () => number;
  readonly random?: (bytes: number) => Buffer;
}

const MS_PER_S = 1000;

/** Only a unit that hears of every write can tell that what a token stands for has changed. */
export function offersTokens(unit: LogicalUnit): boolean {
  return !unit.servedElsewhere;
}

export class RodTokens {
  readonly #inventory: LunInventory;
  readonly #now: () => number;
  readonly #random: (bytes: number) => Buffer;
  /** By the digest of their bytes; in the order of their making. */
  readonly #records = new Map<string, TokenRecord>();
  /** Units with valid tokens: how many, and what hears of their writes. */
  readonly #watched = new Map<LogicalUnit, { tokens: number; readonly listener: WriteListener }>();
  #nextId: bigint;

  constructor({ inventory, now = () => performance.now(), random = randomBytes }: RodTokensOptions) {
    this.#inventory = inventory;
    this.#now = now;
    this.#random = random;
    // Identifiers are not used again soon (SPC-4 5.17.6.4), after a restart either.
    this.#nextId = random(8).readBigUInt64BE(0);
  }

  /** Undefined where there are too many already. */
  create(rod: Rod): TokenRecord | undefined {
    this.#tidy();
    const valid = [...this.#records.values()].filter(({ invalid }) => invalid === undefined);
    const ofOne = valid.filter(({ nexus }) => nexus.initiatorName === rod.nexus.initiatorName);
    if (valid.length >= MAX_TOKENS || ofOne.length >= MAX_TOKENS_OF_ONE) return undefined;
    this.#nextId = BigInt.asUintN(64, this.#nextId + 1n);
    const token = encodeRodToken(rod, this.#nextId, this.#random);
    const nowMs = this.#now();
    const record: TokenRecord = { ...rod, token, createdMs: nowMs, usedMs: nowMs, users: 0, invalid: undefined };
    this.#records.set(digest(token), record);
    this.#watch(rod.unit);
    // A write that is under way changes the data as well.
    if (rod.ranges.some((range) => rod.unit.tasks.isWriting(range))) this.invalidate(record, Condition.TOKEN_CANCELLED);
    return record;
  }

  /** The valid token of these bytes, or what is wrong with them (SPC-4 5.17.6.5.2.3, in its order). */
  find(token: Uint8Array, by: Nexus): TokenRecord | Condition {
    const wrong = formatError(token, by.targetPort.targetName);
    if (wrong) return wrong;
    const record = this.#records.get(digest(token));
    if (!record) return Condition.TOKEN_UNKNOWN;
    this.#check(record);
    return record.invalid ?? record;
  }

  /** Ends the validity of a token, for the first reason that comes up. */
  invalidate(record: TokenRecord, reason: Condition): void {
    if (record.invalid) return;
    record.invalid = reason;
    this.#unwatch(record.unit);
  }

  use(record: TokenRecord): void {
    record.users += 1;
  }

  /** @param deleted DEL_TKN was set. */
  release(record: TokenRecord, deleted: boolean): void {
    record.users -= 1;
    record.usedMs = this.#now();
    if (deleted) this.invalidate(record, Condition.TOKEN_DELETED);
  }

  #check(record: TokenRecord): void {
    const { unit, nexus, ranges, inactivityS, createdMs, usedMs, users } = record;
    const nowMs = this.#now();
    const idle = users === 0 && nowMs - usedMs > inactivityS * MS_PER_S;
    if (idle || nowMs - createdMs > TOKEN_LIFETIME_S * MS_PER_S) this.invalidate(record, Condition.TOKEN_EXPIRED);
    else if (!this.#sees(nexus, unit)) this.invalidate(record, Condition.TOKEN_REVOKED);
    else if (ranges.some(({ lba, blocks }) => lba + blocks > unit.blocks))
      this.invalidate(record, Condition.TOKEN_CANCELLED);
  }

  #sees(nexus: Nexus, unit: LogicalUnit): boolean {
    return this.#inventory.list(nexus).some((lun) => this.#inventory.lookup(nexus, lun) === unit);
  }

  /** Forgets those that nobody may use, nor ask why, any more. */
  #tidy(): void {
    for (const [key, record] of this.#records) {
      this.#check(record);
      const keepMs = 2 * TOKEN_LIFETIME_S * MS_PER_S;
      const crowded = this.#records.size > 2 * MAX_TOKENS;
      if (record.invalid && (crowded || this.#now() - record.createdMs > keepMs)) this.#records.delete(key);
    }
  }

  #watch(unit: LogicalUnit): void {
    const watched = this.#watched.get(unit);
    if (watched) {
      watched.tokens += 1;
      return;
    }
    const listener = (range: BlockRange): void => this.#written(unit, range);
    this.#watched.set(unit, { tokens: 1, listener });
    unit.tasks.writes.listen(listener);
  }

  #unwatch(unit: LogicalUnit): void {
    const watched = this.#watched.get(unit);
    if (!watched) return;
    watched.tokens -= 1;
    if (watched.tokens > 0) return;
    this.#watched.delete(unit);
    unit.tasks.writes.ignore(watched.listener);
  }

  #written(unit: LogicalUnit, range: BlockRange): void {
    for (const record of this.#records.values()) {
      if (record.unit !== unit || record.invalid) continue;
      if (record.ranges.some((own) => overlap(own, range))) this.invalidate(record, Condition.TOKEN_CANCELLED);
    }
  }
}

function digest(token: Uint8Array): string {
  return createHash("sha256").update(token).digest("base64");
}
